"""Sources of a model: a folder, a file, a URL, or a git revision of this repository."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from deepfake.base.download import DownloadError, fetch, is_url
from deepfake.base.errors import ModelError
from deepfake.model.card import CARD, MODELS, ONNX, STARTER, WEIGHTS, read_card
from deepfake.model.operating_points import MEASURED

DEMO = "demo"  # the data set that the repository contains, with the faces of 28 people
MAX_BYTES = 2**30  # per file; ResNet-18 has 45 MB


def is_onnx(model: str) -> bool:
    """Whether `model` names an ONNX file, not a folder or revision."""
    return model.endswith(".onnx")


def default_folder() -> Path:
    """The model trained here, or the repository's starter if there is none.

    A model that was trained on the demo alone is never the default: it has seen too few people.

    Raises:
        ModelError: the model trained here has an invalid card.
    """
    trained = (MODELS / CARD).is_file() and read_card(MODELS).origin["datasets"] != [DEMO]
    return MODELS if trained else Path(__file__).parents[2] / STARTER


@contextmanager
def model_folder(model: str, names: Sequence[str] = (WEIGHTS, CARD)) -> Iterator[Path]:
    """A folder with the files of a model; downloaded files are deleted on exit.

    Args:
        model: a folder; the URL of one, such as s3://bucket/models; or a git revision (branch, tag,
            commit) of the repository in the current folder. A folder takes precedence over a
            revision of the same name. Files that DVC's cache lacks are fetched from remote storage.
        names: of the needed files. `operating_points.MEASURED` is there too if the model has it.

    Raises:
        ModelError: `model` is none of these, or a needed file could not be fetched.
    """
    if Path(model).is_dir():
        yield Path(model)
        return
    with tempfile.TemporaryDirectory(prefix="deepfake-model-") as name:
        folder = Path(name)
        get = _download if is_url(model) else _from_revision if _is_revision(model) else None
        if get is None:
            raise ModelError(
                f"no model in {model}: run `dvc repro` or `dvc pull`, or pass a folder, a URL or a"
                " git revision of this repository"
            )
        for name in names:
            get(model, name, folder)
        with suppress(ModelError):  # models that were imported or made earlier do not have it
            get(model, MEASURED, folder)
        yield folder


@contextmanager
def onnx_file(model: str) -> Iterator[Path]:
    """An ONNX file, given as a file or as for `model_folder`; raises ModelError as that does."""
    parent, name = os.path.split(model) if is_onnx(model) else (model, ONNX)
    with model_folder(parent or ".", (name,)) as folder:
        yield folder / name


def _download(model: str, name: str, folder: Path) -> None:
    file_url = f"{model.rstrip('/')}/{name}"
    try:
        fetch(file_url, folder / name, MAX_BYTES)
    except DownloadError as error:
        raise ModelError(f"{file_url}: {error}") from error


def _is_revision(name: str) -> bool:
    """Whether git resolves the name to a commit in the current folder."""
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:  # no git
        return False


def _from_revision(model: str, name: str, folder: Path) -> None:
    import dvc.api
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    file = f"{MODELS.as_posix()}/{name}"
    try:
        data = dvc.api.read(file, repo=".", rev=model, mode="rb")
    except (DvcException, SCMError, OSError) as error:
        raise ModelError(
            f"{file} of revision {model} could not be fetched ({error}): check that it was"
            " pushed with `dvc push`"
        ) from error
    (folder / name).write_bytes(data)
