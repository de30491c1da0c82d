"""Compare `deepfake predict` on a folder with its bound: decoding, face detection and the network.

    python benchmarks/predict_folder.py [--clips 200] [--model models]

In one run, on the same clips of the demo:
  (a) decode the analysed frames, in as many processes as there are cores;
  (b) decode them and find the faces, likewise;
  (c) the network on all crops, in full batches, with all cores;
  (d) `deepfake predict FOLDER --output results.csv`, with its start.
The bound is (b) + (c), which store no crops, make no verdicts and wait for nothing. CPU seconds of
all processes are shown too, because other jobs on the machine affect them less.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import markdown_table
from preprocess import decode_only

from deepfake import Detector
from deepfake.base.cores import usable_cores
from deepfake.core.sampling import evenly_spaced
from deepfake.faces.cropping import MAX_DETECT_INTERVAL
from deepfake.faces.detection import find_faces, find_faces_near
from deepfake.faces.tracking import find_cuts, follow_faces
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Failure, Step, Video
from deepfake.model.onnx_model import BATCH_SIZE
from deepfake.predict.loading import one_thread
from deepfake.predict.preprocess import LIMITS, Preprocessed, Preprocessor, preprocess
from deepfake.video.decoding import decode_video

REPOSITORY = Path(__file__).resolve().parents[1]
CLIPS = REPOSITORY / "data" / "demo" / "raw"
SET_CHILD_SUBREAPER = 36  # of prctl(2); Linux only


@dataclass(frozen=True)
class Duration:
    """Seconds on the clock, and CPU seconds of all processes together."""

    wall: float
    cpu: float

    def __add__(self, other: Duration) -> Duration:
        return Duration(self.wall + other.wall, self.cpu + other.cpu)


def cpu_seconds() -> float:
    """CPU time of this process and its finished children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def adopt_orphans() -> None:
    """Make this process the parent of what its children leave, so that their CPU time is counted."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for_children() -> None:
    """Wait for all processes that ended or were killed, also those that nobody waited for."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def measure(action: Callable[[], object]) -> Duration:
    """Measure an action, which must end its processes."""
    wait_for_children()
    wall, cpu = time.perf_counter(), cpu_seconds()
    action()
    seconds = time.perf_counter() - wall
    wait_for_children()
    return Duration(seconds, cpu_seconds() - cpu)


def decode_and_detect(path: Path, per_video: int, crops: dict[str, Any]) -> bytes:
    """Do (b) for one clip: most frames are searched near the faces of another one only."""
    images = decode_video(path, lambda count: evenly_spaced(count, per_video)).frames
    limits = {
        name: crops[name] for name in ("detector", "min_score", "min_face", "min_face_pixels")
    }
    follow_faces(
        images,
        find_cuts(images),
        min(MAX_DETECT_INTERVAL, max(1, math.ceil(crops["min_track_fraction"] * len(images)))),
        lambda image: find_faces(image, detect_size=crops["detect_size"], **limits),
        lambda image, known: find_faces_near(image, known, **limits),
    )
    return b""


def run(function: Callable[..., bytes], clips: Sequence[Path], **arguments: Any) -> list[bytes]:
    """Apply a function to all clips in processes."""
    inputs = [Video("", clip, arguments) for clip in clips]
    results = list(map_videos(Step(function, ""), inputs, LIMITS, function.__name__))
    found = [result for result in results if not isinstance(result, Failure)]
    if len(found) < len(results):
        raise SystemExit(f"error: {len(results) - len(found)} clips could not be read")
    return found


def classify(detector: Detector, crops: Sequence[bytes]) -> None:
    """Do (c): each core computes full batches, so that none waits for another."""
    batches = [crops[start : start + BATCH_SIZE] for start in range(0, len(crops), BATCH_SIZE)]
    with ThreadPoolExecutor(usable_cores()) as threads:
        list(threads.map(detector._logits, batches))


def predict_folder(model: Path, clips: Sequence[Path]) -> None:
    """Do (d)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "clips")
        folder.mkdir()
        for number, clip in enumerate(clips):
            (folder / f"{number}{clip.suffix}").symlink_to(clip)
        out = Path(name, "results.csv")
        command = [sys.executable, "-m", "deepfake", "predict", "--model", str(model)]
        subprocess.run([*command, "--output", str(out), str(folder)], check=False)
        if len(out.read_text().splitlines()) != 1 + len(clips):
            raise SystemExit("error: `deepfake predict` has not given a result for each clip")


def compare(model: Path, clips: Sequence[Path]) -> str:
    """The table of (a) to (d), and the ratio of (d) to the bound."""
    adopt_orphans()
    # The worker processes import the function by name, which fails for one of __main__.
    from predict_folder import decode_and_detect as importable

    with (
        one_thread(),
        Detector.load(model, Preprocessor(starts=False), runtime="auto") as detector,
    ):
        settings = detector.settings
        per_video = settings["frames"]["per_video"]
        files = [Preprocessed.unpack(data) for data in run(preprocess, clips, **settings)]
        crops = [file.images[crop["image"]] for file in files for crop in file.crops]
        detector._logits(crops[:1])  # loads what is loaded once
        decoding = measure(lambda: run(decode_only, clips, per_video=per_video))
        detecting = measure(
            lambda: run(importable, clips, per_video=per_video, crops=settings["crops"])
        )
        network = measure(lambda: classify(detector, crops))
    bound = detecting + network
    command = measure(lambda: predict_folder(model, clips))
    rows = {
        "(a) decode": decoding,
        "(b) decode, find faces": detecting,
        f"(c) network, {len(crops)} crops": network,
        "bound, (b) + (c)": bound,
        "(d) deepfake predict": command,
    }
    table = markdown_table(
        ["", "seconds", "CPU seconds", "of the bound", "CPU, of the bound"],
        [
            [
                name,
                f"{one.wall:.1f}",
                f"{one.cpu:.1f}",
                f"{one.wall / bound.wall:.2f}",
                f"{one.cpu / bound.cpu:.2f}",
            ]
            for name, one in rows.items()
        ],
    )
    return f"{len(clips)} clips, {usable_cores()} cores\n{table}"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=200, help="number of clips (default: 200)")
    parser.add_argument(
        "--model",
        type=Path,
        default=REPOSITORY / "models",
        metavar="DIR",
        help="folder of the model (default: models)",
    )
    args = parser.parse_args()
    clips = sorted(CLIPS.rglob("*.mp4"))
    if not clips or not (args.model / "model.json").is_file():
        print("error: demo or model not found: run `make repro`", file=sys.stderr)
        return 2
    print(compare(args.model, [clips[at] for at in evenly_spaced(len(clips), args.clips)]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
