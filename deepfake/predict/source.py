"""Sources of a model: a folder, a file, a URL, a released version, or a revision of a repository."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from deepfake.base.download import DownloadError, fetch, is_url
from deepfake.base.errors import ModelError
from deepfake.model.card import CARD, MODELS, ONNX, STARTER, WEIGHTS, read_card
from deepfake.model.operating_points import MEASURED
from deepfake.predict.releases import Release, find_release

DEMO = "demo"  # the data set that the repository contains, with the faces of 28 people
MAX_BYTES = 2**30  # per file; ResNet-18 has 45 MB
# A git repository, "@", and a revision of it. The host may follow a user and "@" too, and a revision
# may have "@" and "/" in it. Other schemes, such as s3, are of folders.
GIT_ADDRESS = re.compile(r"((?:(?:https?|ssh|git|file)://[^/]*/|[\w.-]+@[\w.-]+:)[^@]*)@(.+)")


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


def pinned(model: str) -> tuple[str, Release | None]:
    """A model in which the name of a release is replaced by its commit, and the release.

    Args:
        model: as for `model_folder`, or the name of a release for `find_release`, such as
            model@v1.0.0 or model#prod, of the repository in the current folder or, after its address
            and "@", of another one. A folder takes precedence over a release of the same name.

    Raises:
        ModelError: as `find_release`, or the other repository could not be read.
    """
    if Path(model).is_dir():
        return model, None
    address = git_address(model)
    if address is None:
        release = find_release(model, Path())
        return (release.commit if release else model), release
    repository, revision = address
    with _git_errors(repository):
        from dvc.repo import Repo

        with Repo.open(repository, uninitialized=True) as opened:
            release = find_release(revision, Path(opened.scm.root_dir))
    return (f"{repository}@{release.commit}" if release else model), release


def git_address(model: str) -> tuple[str, str] | None:
    """The repository and revision of a model such as https://host/detector.git@main.

    The repository is an address, user@host:path, or a folder. None for everything else.
    """
    match = GIT_ADDRESS.fullmatch(model)
    if match:
        return match[1], match[2]
    folder, _, revision = model.partition("@")
    is_repository = any(Path(folder, name).exists() for name in (".git", "HEAD"))  # or a bare one
    return (folder, revision) if revision and is_repository else None


@contextmanager
def model_folder(model: str, names: Sequence[str] = (WEIGHTS, CARD)) -> Iterator[Path]:
    """A folder with the files of a model; downloaded files are deleted on exit.

    Args:
        model: a folder; the URL of one, such as s3://bucket/models; a git revision (branch, tag,
            commit) of the repository in the current folder; or that of another repository, as for
            `git_address`. A folder takes precedence over a revision of the same name. Files that
            DVC's cache lacks are fetched from remote storage.
        names: of the needed files. `operating_points.MEASURED` is there too if the model has it.

    Raises:
        ModelError: `model` is none of these, or a needed file could not be fetched.
    """
    if Path(model).is_dir():
        yield Path(model)
        return
    get = _source(model)
    with tempfile.TemporaryDirectory(prefix="deepfake-model-") as path:
        folder = Path(path)
        for name in names:
            get(name, folder)
        with suppress(ModelError):  # models that were imported or made earlier do not have it
            get(MEASURED, folder)
        yield folder


def _source(model: str) -> Callable[[str, Path], None]:
    """A function that copies a file of the model, by its name, to a folder."""
    address = git_address(model)
    if address is not None:
        return partial(_from_revision, *address)
    if is_url(model):
        return partial(_download, model)
    if _is_revision(model):
        return partial(_from_revision, ".", model)
    raise ModelError(
        f"no model in {model}: run `dvc repro` or `dvc pull`, or pass a folder, a URL, or a git"
        " revision of this repository (docs/releases.md)"
    )


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


def _from_revision(repository: str, revision: str, name: str, folder: Path) -> None:
    file = f"{MODELS.as_posix()}/{name}"
    with _git_errors(f"{file} of revision {revision}"):
        import dvc.api

        data = dvc.api.read(file, repo=repository, rev=revision, mode="rb")
    (folder / name).write_bytes(data)


@contextmanager
def _git_errors(what: str) -> Iterator[None]:
    """Raise ModelError for what git and DVC raise."""
    from dvc.exceptions import DvcException
    from dvc.scm import CloneError, RevError
    from scmrepo.exceptions import SCMError

    try:
        yield
    except CloneError as error:
        raise ModelError(
            f"{what}: the repository could not be cloned ({error}): check its address and your access"
            " with `git ls-remote`"
        ) from error
    except RevError as error:
        raise ModelError(f"{what}: {error}; use a branch, tag or commit of it") from error
    except (DvcException, SCMError, OSError) as error:
        raise ModelError(
            f"{what} could not be fetched ({error}): check that it was pushed with `dvc push`, and"
            " that you may read the remote storage (docs/releases.md)"
        ) from error
