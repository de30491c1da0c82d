"""How long a verdict takes: the first one on a long clip and on an image, and many in a row.

    python benchmarks/verdict.py [--clips 200]

1. A 720p clip of 10 s and a photo, made from the demo, each judged by a fresh Detector whose model and
   process are there, then again; and where the time of one goes. Beside each time on the clock stands
   that of the processor, which another job on the machine disturbs less.
2. Clips of the demo by all processes, against the bound of benchmarks/preprocess.py: only decoding the
   frames that are looked at.

Needs the demo and a trained model.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import table
from preprocess import bound, make_clip

from deepfake import Detector
from deepfake.core.archive import Archive, unpack
from deepfake.core.sampling import evenly_spaced
from deepfake.faces import cropping
from deepfake.model.scores import predict_logits
from deepfake.params.schema import ExecutionParams
from deepfake.predict.inputs import Source, sniff
from deepfake.video import frame_archive

TOP = Path(__file__).resolve().parents[1]
DEMO = TOP / "data" / "demo"
PHOTO = DEMO / "downloads" / "astronaut" / "astronaut.png"
SECONDS, GOP, SIZE_720P = 10, 250, (1280, 720)


@dataclass(frozen=True)
class Spent:
    """Milliseconds of an action, on the clock and of the processor."""

    clock: float
    processor: float


def spent(action: Callable[[], object]) -> Spent:
    """How long an action takes in this process."""
    clock, processor = time.perf_counter(), time.process_time()
    action()
    return Spent(1000 * (time.perf_counter() - clock), 1000 * (time.process_time() - processor))


def first_verdict(path: Path) -> tuple[float, list[float]]:
    """Milliseconds until a detector is ready, and of the first verdicts after that."""
    start = time.perf_counter()
    with Detector.load(TOP / "models") as detector:
        detector.preprocessor.call(Path.read_bytes, path, {})  # its process is there
        loaded = 1000 * (time.perf_counter() - start)
        return loaded, [spent(lambda: detector.predict(path)).clock for _ in range(3)]


def shares(path: Path, detector: Detector) -> dict[str, Spent]:
    """Time of one file by what is done, all in this process."""
    frames: list[Archive] = []
    crops: list[Archive] = []

    def decode() -> None:
        settings = detector.settings["frames"]
        frames.append(unpack(frame_archive.frame_archive(path, sniff(path), **settings)))

    def find() -> None:
        crops.append(unpack(cropping.crop_frames(frames[-1], **detector.settings["crops"])))

    def classify() -> None:
        images = [crops[-1].images[crop["image"]] for crop in crops[-1].meta["crops"]]
        predict_logits(detector.network, images, detector.card.image_size, detector.device)

    steps = {"decode": decode, "find faces, cut out": find, "classify": classify}
    for step in steps.values():
        step()  # loads what is needed
    return {name: spent(step) for name, step in steps.items()}


def one_file(paths: dict[str, Path]) -> str:
    """The first part of the report."""
    rows, parts = [], []
    with Detector.load(TOP / "models") as detector:
        for name, path in paths.items():
            loaded, (first, *later) = first_verdict(path)
            rows.append([name, f"{loaded:.0f}", f"{first:.0f}", f"{min(later):.0f}"])
            times = shares(path, detector)
            total = sum(one.processor for one in times.values())
            for step, one in times.items():
                share = f"{one.processor / total:.0%}"
                parts.append([name, step, f"{one.clock:.0f}", f"{one.processor:.0f}", share])
    return "\n\n".join(
        [
            table(["file", "load (ms)", "first verdict (ms)", "later (ms)"], rows),
            table(["file", "step", "clock (ms)", "processor (ms)", "share"], parts),
        ]
    )


def many_files(count: int, workers: int) -> str:
    """The second part."""
    clips = sorted((DEMO / "raw").rglob("*.mp4"))
    clips = [clips[at] for at in evenly_spaced(len(clips), count)]
    limits = ExecutionParams(workers=workers, video_seconds=600, video_gigabytes=4)
    with Detector.load(TOP / "models") as detector:
        per_video = int(detector.settings["frames"]["per_video"])
        lower = bound(clips, per_video, limits).seconds
        start = time.perf_counter()
        judged = list(detector.predict_many([Source(str(clip)) for clip in clips]))
        seconds = time.perf_counter() - start
    return (
        f"{len(judged)} clips: {seconds:.1f} s, {len(judged) / seconds:.1f} a second;"
        f" only decoding {lower:.1f} s; ratio {seconds / lower:.1f}"
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=200, help="of the second part, or 0")
    args = parser.parse_args()
    if not PHOTO.is_file() or not (TOP / "models" / "model.safetensors").is_file():
        print("error: it needs the demo and a trained model, run `make repro`", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "clip.mp4")
        make_clip(DEMO / "raw" / "real" / "astronaut_1.mp4", clip, SIZE_720P, GOP, SECONDS)
        print(one_file({f"{SECONDS} s, 720p": clip, "photo, 512 x 512": PHOTO}), flush=True)
    if args.clips:
        print(many_files(args.clips, os.cpu_count() or 1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
