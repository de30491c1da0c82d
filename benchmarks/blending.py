"""Measure the time of self-blending and of decoding the same crop, and draw examples.

The measured functions alternate in one thread, so other jobs on the machine slow all of them. The
crops are the demo's. The picture shows only people whose licences allow it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from bench import markdown_table
from matplotlib.figure import Figure

from deepfake.core import archive
from deepfake.core.image import Image, decode_image, encode_jpeg
from deepfake.faces.landmarks import find_landmarks
from deepfake.transforms.self_blending import self_blended, self_blended_with_mask

SIDES = (112, 160, 224)  # pixels
MARGIN = 1.3  # crops.margin of params.yaml
PEOPLE = ("astronaut", "pexels")  # public domain, and the Pexels licence
# Rows of the picture: clip, position of the crop in it, seed.
EXAMPLES = (("astronaut_1", 0, 27), ("pexels_4", 2, 28), ("astronaut_3", 2, 11), ("pexels_7", 3, 8))
DIFFERENCE_GAIN = 4  # factor that makes the difference visible in the picture


def read_crops(folder: Path, clip: str) -> list[Image]:
    """Crops of a real clip of the demo."""
    stored = archive.read(archive.path_of(folder, f"demo/real/{clip}"))
    return [decode_image(data) for _, data in sorted(stored.images.items())]


def median_milliseconds(actions: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Median time of each action. The actions alternate."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(repeats):
        for action, row in zip(actions, times, strict=True):
            start = time.perf_counter()
            action()
            row.append(1000 * (time.perf_counter() - start))
    return [float(np.median(row)) for row in times]


def time_table(crops: Sequence[Image], repeats: int) -> str:
    """Table of milliseconds per crop for each side length."""
    rows = []
    for side in SIDES:
        resized = [np.asarray(cv2.resize(crop, (side, side)), np.uint8) for crop in crops]
        times = np.mean([time_crop(crop, repeats) for crop in resized], axis=0)
        blending, decoding, landmarks = times
        cells = [f"{blending:.2f}", f"{decoding:.2f}", f"{blending / decoding:.1f}"]
        rows.append([str(side), *cells, f"{landmarks:.2f}"])
    return markdown_table(
        ["side", "blending, ms", "decoding, ms", "ratio", "68 landmarks, ms"], rows
    )


def time_crop(crop: Image, repeats: int) -> list[float]:
    """Milliseconds of blending, of decoding and of finding 68 landmarks."""
    landmarks = find_landmarks(crop, MARGIN)
    jpeg = encode_jpeg(crop, 95, "yuv444")
    rng = np.random.default_rng(0)
    pair = [lambda: self_blended(crop, landmarks, rng), lambda: decode_image(jpeg)]
    # Measured alone: the landmark model of 100 MB would evict the others from the CPU cache.
    alone = [lambda: find_landmarks(crop, MARGIN)]
    return median_milliseconds(pair, repeats) + median_milliseconds(alone, repeats)


def draw_examples(folder: Path, path: Path) -> None:
    """Write a picture with the real crop, mask, blended crop and difference of each example."""
    titles = ["real", "mask", "self-blended", f"difference x {DIFFERENCE_GAIN}"]
    figure = Figure(figsize=(7, 7.3), dpi=100, layout="constrained")
    axes = figure.subplots(len(EXAMPLES), len(titles))
    for row, (clip, position, seed) in zip(axes, EXAMPLES, strict=True):
        crop = read_crops(folder, clip)[position]
        landmarks = find_landmarks(crop, MARGIN)
        real, fake, mask = self_blended_with_mask(crop, landmarks, np.random.default_rng(seed))
        difference = np.abs(fake.astype(int) - real) * DIFFERENCE_GAIN
        images = [real, np.repeat(mask[..., None], 3, axis=2), fake, np.minimum(difference, 255)]
        for axis, image in zip(row, images, strict=True):
            axis.imshow(image, interpolation="nearest")
            axis.axis("off")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=11)
    figure.savefig(path, metadata={"Software": None})


def main() -> int:
    """Print the table; with --picture, also draw the examples."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--crops",
        type=Path,
        default=Path("data/crops"),
        metavar="DIR",
        help="folder of the crop archives (default: data/crops)",
    )
    parser.add_argument(
        "--repeats", type=int, default=200, help="timings per crop and function (default: 200)"
    )
    parser.add_argument(
        "--picture", type=Path, metavar="PNG", help="write the examples to this file"
    )
    options = parser.parse_args()
    if not (options.crops / "demo" / "real").is_dir():
        print(
            f"error: {options.crops} has no crops of the demo: run `dvc repro crops`",
            file=sys.stderr,
        )
        return 1
    cv2.setNumThreads(1)
    crops = [read_crops(options.crops, f"{person}_1")[0] for person in PEOPLE]
    print(time_table(crops, options.repeats))
    if options.picture:
        draw_examples(options.crops, options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
