"""`deepfake doctor`: whether everything that the pipeline needs works on this machine.

Each check imports what it looks at by itself, so a package that is missing fails one check only.
"""

import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from deepfake.base.errors import DeepfakeError
from deepfake.base.text import printable
from deepfake.cli.machine import LOCK, describe_machine, lock_digest
from deepfake.review.lock import changed_stages

PYTHONS = ((3, 10), (3, 14))  # from the first one on, up to before the second
PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,.-]+\])?==([^\s;]+)(?:\s*;\s*(.+?))?\s*\\?$", re.MULTILINE)
DECODERS = {  # by the name that people know, those of FFmpeg, of which one is enough
    "H.264": ("h264",),
    "HEVC": ("hevc",),
    "AV1": ("libdav1d", "libaom-av1"),
    "ProRes": ("prores",),
}
REMOTE_SECONDS = 10.0  # a remote that does not answer until then is unreachable
FULL_GIGABYTES, LOW_GIGABYTES = 1.0, 10.0  # free space; the packages alone take 6
MAX_NAMES = 4


class State(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"  # something is unusual or slow, but works
    FAILED = "FAILED"


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Attributes:
        name: what was checked.
        state: how it ended.
        detail: what was found.
        remedy: what to do; "" if nothing is to be done.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f": {self.remedy}" if self.remedy else ""
        return printable(f"{self.state.value:<8} {self.name:<14} {self.detail}{remedy}")


def examine() -> Iterator[Check]:
    """All checks, one after the other, in the current folder."""
    for name, check in CHECKS.items():
        try:
            yield from check(name)
        except Exception as error:  # whatever a check raises is a result of it
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            remedy = "run `make setup`, and report this line if it stays"
            yield Check(name, State.FAILED, reason, remedy)


def check_python(name: str) -> Iterator[Check]:
    """Whether the version is supported."""
    found = f"{sys.version.split()[0]} in {sys.prefix}"
    if PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        yield Check(name, State.OK, found)
        return
    remedy = "use Python 3.10 to 3.13, `make PYTHON=/path/to/python3.11 setup`"
    yield Check(name, State.FAILED, found, remedy)


def check_packages(name: str) -> Iterator[Check]:
    """Whether the installed versions are those of requirements.lock."""
    if not LOCK.is_file():
        remedy = "run this from the top folder of the repository"
        yield Check(name, State.FAILED, f"{LOCK} is missing", remedy)
        return
    pinned = dict(pinned_packages(LOCK.read_text(encoding="utf-8")))
    installed = {package: _installed(package) for package in pinned}
    missing = [package for package, found in installed.items() if found is None]
    other = [
        f"{package} {found} instead of {pinned[package]}"
        for package, found in installed.items()
        if found not in (None, pinned[package])
    ]
    if missing:
        detail = f"{len(missing)} of {len(pinned)} missing ({_some(missing)})"
        yield Check(name, State.FAILED, detail, "run `make setup`")
    if other:
        detail = f"other versions than in {LOCK} ({_some(other)})"
        yield Check(name, State.WARNING, detail, "run `make setup` for the tested ones")
    if not missing and not other:
        yield Check(name, State.OK, f"{len(pinned)}, all as in {LOCK} ({lock_digest()})")


def pinned_packages(text: str) -> Iterator[tuple[str, str]]:
    """Names and versions in a lock file that hold for this Python and system."""
    from packaging.markers import Marker

    for package, pinned, marker in PINNED.findall(text):
        if not marker or Marker(marker).evaluate():
            yield package, pinned


def check_device(name: str) -> Iterator[Check]:
    """Where networks run."""
    import torch

    device = torch.accelerator.current_accelerator(check_available=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if device is not None:
        label = torch.cuda.get_device_name() if device.type == "cuda" else device.type
        yield Check(name, State.OK, f"{label}, {cores} cores")
    elif Path("/dev/nvidia0").exists():
        detail = f"the GPU is not usable by torch {torch.__version__}"
        remedy = f"install a driver for CUDA {torch.version.cuda}; until then, the CPU is used"
        yield Check(name, State.WARNING, detail, remedy)
    else:
        yield Check(name, State.OK, f"{describe_machine()}, {cores} cores; no GPU found")


def check_decoders(name: str) -> Iterator[Check]:
    """Whether FFmpeg, as it comes with PyAV, decodes the usual codecs."""
    import av

    known = av.codecs_available
    missing = [title for title, codecs in DECODERS.items() if not known.intersection(codecs)]
    if missing:
        detail = f"PyAV {av.__version__} has none for {', '.join(missing)}"
        yield Check(name, State.FAILED, detail, "run `make setup`, whose PyAV has them")
    else:
        yield Check(name, State.OK, f"{', '.join(DECODERS)} by PyAV {av.__version__}")


def check_detector(name: str) -> Iterator[Check]:
    """Whether the face detector is the one of the repository, and runs."""
    from deepfake.core.files import sha256_of
    from deepfake.faces.detectors import YUNET, detect_boxes

    remedy = "run `git checkout -- models/face_detector`"
    readme = YUNET.with_name("README.md")
    missing = [path for path in (YUNET, readme) if not path.is_file()]
    if missing:
        yield Check(name, State.FAILED, f"{missing[0]} is missing", remedy)
    elif f"SHA-256: `{sha256_of(YUNET)}`" not in readme.read_text(encoding="utf-8"):
        yield Check(name, State.FAILED, f"{YUNET} is damaged, or another file", remedy)
    else:
        import numpy as np

        detect_boxes(np.zeros((64, 64, 3), np.uint8), "yunet")
        yield Check(name, State.OK, f"{YUNET.name}, runs")


def check_params(name: str) -> Iterator[Check]:
    """Whether params.yaml is valid, and each data set where it says."""
    from deepfake.params.loading import load_params

    try:
        params = load_params()
    except DeepfakeError as error:
        title, *lines = (line.strip() for line in str(error).splitlines())
        remedy = "fix params.yaml" if lines else ""  # an error of one line has its own
        yield Check(name, State.FAILED, f"{title} {'; '.join(lines)}".rstrip(), remedy)
        return
    yield Check(name, State.OK, "params.yaml is valid")
    for dataset, settings in params.dataset.items():
        root = Path(settings.root)
        if root.is_dir() and any(root.iterdir()):
            yield Check("data", State.OK, f"{dataset} in {root}")
        elif root.is_relative_to("data/demo"):
            yield Check("data", State.WARNING, f"{dataset} is not built yet", "run `make repro`")
        else:
            detail = f"{dataset}: {root} is {'empty' if root.is_dir() else 'not a folder'}"
            remedy = f"put the videos there, or set dataset.{dataset}.root in params.yaml"
            yield Check("data", State.FAILED, detail, remedy)


def check_model(name: str) -> Iterator[Check]:
    """Whether the model that `deepfake predict` uses by default can be read."""
    from deepfake.model.card import read_card
    from deepfake.predict.source import default_folder

    try:
        folder = default_folder()
        card = read_card(folder)
    except DeepfakeError as error:
        yield Check(name, State.FAILED, str(error))  # which ends with the remedy
        return
    trained = ", ".join(card.origin.get("datasets", [])) or "unknown data"
    yield Check(name, State.OK, f"{folder}, trained on {trained}")


def check_git(name: str) -> Iterator[Check]:
    """Whether git is there, which DVC and experiments need."""
    place = shutil.which("git")
    if place:
        yield Check(name, State.OK, place)
    else:
        yield Check(name, State.FAILED, "not found", "install git, with `apt install git` or Xcode")


def check_dvc(name: str) -> Iterator[Check]:
    """Cache and links, remotes, and which stages would run."""
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    try:
        repo = Repo(".")
    except NotDvcRepoError:
        remedy = "run this in a clone of the repository, at its top"
        yield Check(name, State.FAILED, "this folder is no DVC repository", remedy)
        return
    except DvcException as error:
        remedy = "fix .dvc/config, or run `git checkout -- .dvc dvc.yaml`"
        yield Check(name, State.FAILED, str(error), remedy)
        return
    with repo:
        yield from check_cache(repo)
        yield from check_remotes(repo)
        yield from check_lock(repo)


def check_cache(repo: Any) -> Iterator[Check]:
    """How outputs get from DVC's cache to their places."""
    from dvc_objects.fs import generic

    cache = repo.cache.local
    links = [kind for kind in cache.cache_types if kind != "copy"]
    found = generic.test_links(links, cache.fs, cache.path, repo.fs, repo.root_dir)
    if found:
        yield Check("DVC cache", State.OK, f"{cache.path}, by {found[0]}")
        return
    detail = f"{cache.path}, by copy: outputs need twice the space"
    remedy = "put the cache on the disk of the repository (`dvc cache dir`), or accept it"
    yield Check("DVC cache", State.WARNING, detail, remedy)


def check_remotes(repo: Any) -> Iterator[Check]:
    """Whether each remote answers in `REMOTE_SECONDS`."""
    names = list(repo.config["remote"])
    if not names:
        yield Check("DVC remotes", State.OK, "none; `dvc remote add` shares data and models")
    for remote in names:
        exists = _in_time(partial(_remote_exists, repo, remote))
        if exists is True:
            yield Check("DVC remotes", State.OK, f"{remote} is reachable")
        elif exists is False:
            remedy = "check its address; if it is right, `dvc push` fills it"
            yield Check("DVC remotes", State.WARNING, f"{remote}: nothing is there", remedy)
        else:
            detail = f"{remote} is not reachable ({exists})"
            remedy = "check network, address and credentials (`dvc remote list`)"
            yield Check("DVC remotes", State.WARNING, detail, remedy)


def _remote_exists(repo: Any, name: str) -> bool:
    remote = repo.cloud.get_remote(name)
    return bool(remote.fs.exists(remote.path))


def _in_time(question: Callable[[], bool]) -> bool | str:
    """The answer, or why there is none in `REMOTE_SECONDS`; the question goes on in its thread."""
    answers: list[bool | str] = []

    def ask() -> None:
        try:
            answers.append(question())
        except Exception as error:  # each file system raises its own exceptions
            answers.append(f"{type(error).__name__} {error}".splitlines()[0])

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REMOTE_SECONDS)
    return answers[0] if answers else f"no answer in {REMOTE_SECONDS:g} s"


def check_lock(repo: Any) -> Iterator[Check]:
    """Which stages differ from dvc.lock. Outputs that are only absent count as unchanged."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError

    try:
        with repo.lock:
            changed = changed_stages(repo)
    except LockError:
        remedy = "wait for it; if there is none, delete .dvc/tmp/rwlock"
        yield Check("dvc.lock", State.WARNING, "another DVC process is at work", remedy)
        return
    except DvcException as error:
        remedy = "run `git checkout -- dvc.yaml dvc.lock`, or fix params.yaml"
        yield Check("dvc.lock", State.FAILED, str(error).splitlines()[0], remedy)
        return
    if changed:
        detail = f"{len(changed)} of {len(repo.index.stages)} stages would run ({_some(changed)})"
        yield Check("dvc.lock", State.WARNING, detail, "run `dvc repro`")
    else:
        yield Check("dvc.lock", State.OK, "current; no stage would run")


def check_disk(name: str) -> Iterator[Check]:
    """Free space where the repository is."""
    free = shutil.disk_usage(".").free / 1e9
    remedy = "free some space; `deepfake cache --prune` and `dvc gc --workspace` delete old results"
    if free < FULL_GIGABYTES:
        yield Check(name, State.FAILED, f"{free:.1f} GB free", remedy)
    elif free < LOW_GIGABYTES:
        yield Check(name, State.WARNING, f"{free:.1f} GB free", remedy)
    else:
        yield Check(name, State.OK, f"{free:.0f} GB free")


def check_shared_memory(name: str) -> Iterator[Check]:
    """Whether semaphores can be created, which processes that load crops need."""
    from multiprocessing import get_context

    try:
        get_context("spawn").Lock()
    except OSError as error:
        detail = f"semaphores cannot be created ({error.strerror}): training is slower"
        remedy = "mount /dev/shm, for example with `docker run --shm-size=64m`"
        yield Check(name, State.WARNING, detail, remedy)
        return
    yield Check(name, State.OK, "semaphores can be created")


CHECKS: dict[str, Callable[[str], Iterator[Check]]] = {
    "Python": check_python,
    "packages": check_packages,
    "device": check_device,
    "decoders": check_decoders,
    "face detector": check_detector,
    "params": check_params,
    "model": check_model,
    "git": check_git,
    "DVC": check_dvc,
    "disk": check_disk,
    "shared memory": check_shared_memory,
}


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _some(names: list[str]) -> str:
    more = f", {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
