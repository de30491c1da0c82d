"""Where a model comes from: a folder, a file, a revision of this repository, a remote address."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deepfake.base.download import DownloadError, fetch, is_url
from deepfake.base.errors import ModelError
from deepfake.model.card import CARD, ONNX, STARTER, WEIGHTS

PUBLISHED = "models"  # the folder of the published model in the repository
MAX_BYTES = 2**30  # of a file; ResNet-18 has 45 MB


def is_onnx(model: str) -> bool:
    """Whether this names an ONNX file, not a folder or revision."""
    return model.endswith(".onnx")


def default_folder() -> Path:
    """The model that was trained here, or the starter that comes with the repository."""
    own = Path(PUBLISHED)
    return own if (own / CARD).is_file() else Path(__file__).parents[2] / STARTER


@contextmanager
def model_folder(model: str, names: Sequence[str] = (WEIGHTS, CARD)) -> Iterator[Path]:
    """A folder with the files of a model, which may be gone afterwards.

    Args:
        model: a folder; an address of one, such as s3://bucket/models; or a git revision (branch,
            tag, commit) of the repository of the current folder. A folder goes before a revision
            of the same name. What a revision lacks in DVC's cache is fetched from the remote
            storage.
        names: of the files that are wanted.

    Raises:
        ModelError: it is none of them, or its files cannot be had.
    """
    if Path(model).is_dir():
        yield Path(model)
        return
    with tempfile.TemporaryDirectory(prefix="deepfake-model-") as name:
        folder = Path(name)
        if is_url(model):
            _download(model, names, folder)
        elif _is_revision(model):
            _from_revision(model, names, folder)
        else:
            raise ModelError(
                f"no model in {model}: run `dvc repro` or `dvc pull`, or name a folder, an address"
                " or a git revision of this repository"
            )
        yield folder


@contextmanager
def onnx_file(model: str) -> Iterator[Path]:
    """An ONNX file, named itself or by one of the places of `model_folder`; raises as that does."""
    place, name = os.path.split(model) if is_onnx(model) else (model, ONNX)
    with model_folder(place or ".", (name,)) as folder:
        yield folder / name


def _download(url: str, names: Sequence[str], folder: Path) -> None:
    for name in names:
        address = f"{url.rstrip('/')}/{name}"
        try:
            fetch(address, folder / name, MAX_BYTES)
        except DownloadError as error:
            raise ModelError(f"{address}: {error}") from error


def _is_revision(name: str) -> bool:
    """Whether git knows a commit by this name here."""
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:  # no git
        return False


def _from_revision(revision: str, names: Sequence[str], folder: Path) -> None:
    import dvc.api
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    for name in names:
        try:
            data = dvc.api.read(f"{PUBLISHED}/{name}", repo=".", rev=revision, mode="rb")
        except (DvcException, SCMError, OSError) as error:
            raise ModelError(
                f"{PUBLISHED}/{name} of revision {revision} cannot be had ({error}): see that it"
                " was pushed with `dvc push`"
            ) from error
        (folder / name).write_bytes(data)
