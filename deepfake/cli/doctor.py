"""`deepfake doctor`: whether everything that the pipeline needs works on this machine.

Each check imports what it looks at by itself, so a package that is missing fails one check only.
"""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deepfake.base.cores import usable_cores
from deepfake.base.errors import DeepfakeError
from deepfake.base.text import first_names
from deepfake.cli.checks import MAX_NAMES, Check, State
from deepfake.cli.doctor_dvc import check_dvc, check_objects
from deepfake.cli.machine import LOCK, describe_machine, lock_digest

PYTHONS = ((3, 10), (3, 14))  # from the first one on, up to before the second
PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,.-]+\])?==([^\s;]+)(?:\s*;\s*(.+?))?\s*\\?$", re.MULTILINE)
DECODERS = {  # by the name that people know, those of FFmpeg, of which one is enough
    "H.264": ("h264",),
    "HEVC": ("hevc",),
    "AV1": ("libdav1d", "libaom-av1"),
    "ProRes": ("prores",),
}
FULL_GIGABYTES, LOW_GIGABYTES = 1.0, 10.0  # free space; the packages alone take 6


def examine(verify: bool = False) -> Iterator[Check]:
    """All checks, one after the other, in the current folder.

    Args:
        verify: also read every object in DVC's cache and remotes, and replace damaged ones.
    """
    checks = {**CHECKS, "DVC objects": check_objects} if verify else CHECKS
    for name, check in checks.items():
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
        detail = f"{len(missing)} of {len(pinned)} missing ({first_names(missing, MAX_NAMES)})"
        yield Check(name, State.FAILED, detail, "run `make setup`")
    if other:
        detail = f"other versions than in {LOCK} ({first_names(other, MAX_NAMES)})"
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
    cores = usable_cores()
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
    yield Check(name, State.OK, f"params.yaml is valid, numerics: {params.numerics}")
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


def check_disk(name: str) -> Iterator[Check]:
    """Free space where the repository is."""
    free = shutil.disk_usage(".").free / 1e9
    remedy = "free some space: `deepfake cache --prune`, and `dvc gc` as in docs/teamwork.md"
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
