"""Measure how long a verdict on one file takes, the first and later ones.

On a 720p clip of 10 s and a photo, made from the demo: the first verdict of a new Detector whose
model and process are ready, later verdicts, and the time of each step. CPU time is shown too,
because other jobs on the machine affect it less. `predict_folder.py` measures many files.

Needs the demo and a trained model.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import markdown_table
from preprocess import make_clip

from deepfake import Detector
from deepfake.core.archive import Archive, unpack
from deepfake.faces import cropping
from deepfake.model.logits import predict_logits
from deepfake.predict.inputs import sniff
from deepfake.video import frame_archive

REPOSITORY = Path(__file__).resolve().parents[1]
DEMO = REPOSITORY / "data" / "demo"
PHOTO = DEMO / "downloads" / "astronaut" / "astronaut.png"
SECONDS, GOP, SIZE_720P = 10, 250, (1280, 720)


@dataclass(frozen=True)
class Duration:
    """Wall-clock time and CPU time in milliseconds."""

    wall: float
    cpu: float


def time_action(action: Callable[[], object]) -> Duration:
    """Measure an action in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Duration(1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu))


def time_verdicts(path: Path) -> tuple[float, list[float]]:
    """Milliseconds until a detector is ready, and those of its first three verdicts."""
    start = time.perf_counter()
    with Detector.load(REPOSITORY / "models") as detector:
        detector.preprocessor.call(Path.read_bytes, path, {})  # starts its process
        loading = 1000 * (time.perf_counter() - start)
        return loading, [time_action(lambda: detector.predict(path)).wall for _ in range(3)]


def time_steps(path: Path, detector: Detector) -> dict[str, Duration]:
    """Time of each step for one file, in this process."""
    frames: list[Archive] = []
    crops: list[Archive] = []

    def decode() -> None:
        settings = detector.settings["frames"]
        frames.append(unpack(frame_archive.frame_archive(path, sniff(path), **settings)))

    def crop() -> None:
        crops.append(unpack(cropping.crop_frames(frames[-1], **detector.settings["crops"])))

    def classify() -> None:
        images = [crops[-1].images[record["image"]] for record in crops[-1].meta["crops"]]
        predict_logits(detector.network, images, detector.card.image_size, detector.device)

    steps = {"decode": decode, "find faces, crop": crop, "classify": classify}
    for step in steps.values():
        step()  # loads the models
    return {name: time_action(step) for name, step in steps.items()}


def report_files(paths: dict[str, Path]) -> str:
    """The report on some files, by their names."""
    verdict_rows, step_rows = [], []
    with Detector.load(REPOSITORY / "models") as detector:
        for name, path in paths.items():
            loading, (first, *later) = time_verdicts(path)
            verdict_rows.append([name, f"{loading:.0f}", f"{first:.0f}", f"{min(later):.0f}"])
            durations = time_steps(path, detector)
            total = sum(duration.cpu for duration in durations.values())
            for step, duration in durations.items():
                cells = [f"{duration.wall:.0f}", f"{duration.cpu:.0f}"]
                step_rows.append([name, step, *cells, f"{duration.cpu / total:.0%}"])
    verdict_header = ["file", "load the model (ms)", "first verdict (ms)", "later ones (ms)"]
    step_header = ["file", "step", "wall clock (ms)", "CPU (ms)", "share of CPU"]
    return "\n\n".join(
        [markdown_table(verdict_header, verdict_rows), markdown_table(step_header, step_rows)]
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    if not PHOTO.is_file() or not (REPOSITORY / "models" / "model.safetensors").is_file():
        print("error: demo or trained model not found: run `make repro`", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "clip.mp4")
        make_clip(DEMO / "raw" / "real" / "astronaut_1.mp4", clip, SIZE_720P, GOP, SECONDS)
        print(report_files({f"{SECONDS} s, 720p": clip, "photo, 512 x 512": PHOTO}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
