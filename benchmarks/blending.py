"""How long self-blending takes beside decoding the same crop, and a picture of what it does.

Both are done in turns, in one thread, so that other jobs on the machine matter less. The crops
are those of the demo; the picture shows only people whose pictures may be shown.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from bench import table
from matplotlib.figure import Figure

from deepfake.core import archive
from deepfake.core.image import Image, decode_image, encode_jpeg
from deepfake.faces.landmarks import find_landmarks
from deepfake.transforms.self_blending import self_blended, self_blended_with_mask

SIDES = (112, 160, 224)  # pixels
MARGIN = 1.3  # crops.margin of params.yaml
FREE = ("astronaut", "pexels")  # public domain, and the Pexels licence
# Of the picture: clip, position of the crop in it, seed.
EXAMPLES = (("astronaut_1", 0, 27), ("pexels_4", 2, 28), ("astronaut_3", 2, 11), ("pexels_7", 3, 8))
BRIGHTER = 4  # times, the difference in the picture


def crops_of(folder: Path, clip: str) -> list[Image]:
    """The crops of a real clip of the demo."""
    stored = archive.read(archive.path_of(folder, f"demo/real/{clip}"))
    return [decode_image(data) for _, data in sorted(stored.images.items())]


def milliseconds(actions: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Median time of each action, all of them done in turns."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(repeats):
        for action, row in zip(actions, times, strict=True):
            start = time.perf_counter()
            action()
            row.append(1000 * (time.perf_counter() - start))
    return [float(np.median(row)) for row in times]


def measured(crops: Sequence[Image], repeats: int) -> str:
    """A table of milliseconds per crop by its side."""
    rows = []
    for side in SIDES:
        sized = [np.asarray(cv2.resize(crop, (side, side)), np.uint8) for crop in crops]
        times = np.mean([_times(crop, repeats) for crop in sized], axis=0)
        blending, decoding, landmarks = times
        cells = [f"{blending:.2f}", f"{decoding:.2f}", f"{blending / decoding:.1f}"]
        rows.append([str(side), *cells, f"{landmarks:.2f}"])
    return table(["side", "blending, ms", "decoding, ms", "ratio", "68 landmarks, ms"], rows)


def _times(crop: Image, repeats: int) -> list[float]:
    landmarks = find_landmarks(crop, MARGIN)
    jpeg = encode_jpeg(crop, 95, "4:4:4")
    rng = np.random.default_rng(0)
    pair = [lambda: self_blended(crop, landmarks, rng), lambda: decode_image(jpeg)]
    # By itself: its model of 100 MB would push all else out of the processor's cache.
    alone = [lambda: find_landmarks(crop, MARGIN)]
    return milliseconds(pair, repeats) + milliseconds(alone, repeats)


def draw(folder: Path, path: Path) -> None:
    """Real crop, mask, blended crop and difference, a row for each example."""
    titles = ["real", "mask", "self-blended", f"difference x {BRIGHTER}"]
    figure = Figure(figsize=(7, 7.3), dpi=100, layout="constrained")
    axes = figure.subplots(len(EXAMPLES), len(titles))
    for row, (clip, position, seed) in zip(axes, EXAMPLES, strict=True):
        crop = crops_of(folder, clip)[position]
        landmarks = find_landmarks(crop, MARGIN)
        real, fake, mask = self_blended_with_mask(crop, landmarks, np.random.default_rng(seed))
        difference = np.abs(fake.astype(int) - real) * BRIGHTER
        shown = [real, np.repeat(mask[..., None], 3, axis=2), fake, np.minimum(difference, 255)]
        for axis, image in zip(row, shown, strict=True):
            axis.imshow(image, interpolation="nearest")
            axis.axis("off")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=11)
    figure.savefig(path, metadata={"Software": None})


def main() -> int:
    """Print the table, and draw the picture if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--crops", type=Path, default=Path("data/crops"))
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--picture", type=Path, help="PNG to write")
    options = parser.parse_args()
    if not (options.crops / "demo" / "real").is_dir():
        print(f"error: {options.crops} has no crops of the demo: run `dvc repro`", file=sys.stderr)
        return 1
    cv2.setNumThreads(1)
    crops = [crops_of(options.crops, f"{person}_1")[0] for person in FREE]
    print(measured(crops, options.repeats))
    if options.picture:
        draw(options.crops, options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
