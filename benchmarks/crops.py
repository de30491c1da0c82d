"""Are faces found, and do their crops stand still? On real frames, through the crops stage itself.

- talking_heads: of 16 frames of each clip, in how many is a face found; clips with several people.
  Of the faces painted over, how many are found all the same (false boxes).
- dfdc_faces: in how many of the tight, sometimes nearly black crops is a face found.
- small faces: how many are found by the share of the frame's short side that they take.
- still faces: a real frame stands still under camera noise and H.264; how far does the centre of the
  crop wander (standard deviation over its side)?
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from bench import bench_parser, is_missing, listed
from numpy.typing import NDArray
from tqdm import tqdm

from deepfake.core.archive import Archive, unpack
from deepfake.core.image import Image, encode_jpeg
from deepfake.core.sampling import evenly_spaced
from deepfake.faces.cropping import crop_frames
from deepfake.faces.crops import crop_settings
from deepfake.faces.detection import find_faces
from deepfake.params.loading import load_params
from deepfake.video.decoding import decode_video

SHARES = (0.04, 0.05, 0.06, 0.08, 0.1, 0.15)  # of the frame's short side
CANVAS = (1280, 720)
NOISE = 3  # grey levels: standard deviation of the camera's noise
CRFS = (23, 32, 40)
SIDES = (256, 360, 720)  # short sides that the still frames are reduced to


def sampled(path: Path, count: int) -> list[Image]:
    """Evenly spaced frames."""
    return decode_video(path, partial(evenly_spaced, wanted=count)).frames


def cropped(images: Sequence[Image], settings: dict[str, Any]) -> Archive:
    """What the crops stage makes of these frames."""
    members = {f"{i:06d}.jpg": encode_jpeg(image, 95, "4:4:4") for i, image in enumerate(images)}
    return unpack(crop_frames(Archive({"status": "ok"}, members), **settings))


def faces(image: Image, settings: dict[str, Any]) -> list[Any]:
    """What a pass over the whole image finds."""
    names = ("detector", "detect_size", "min_score", "min_face")
    return list(find_faces(image, *(settings[name] for name in names)))


def without_faces(image: Image, crops: Sequence[dict[str, Any]]) -> Image:
    """The image with the boxes, and half as much around them, painted over."""
    painted = image.copy()
    for crop in crops:
        left, top, right, bottom = (round(value) for value in crop["box"])
        wide, high = (right - left) // 4, (bottom - top) // 4
        rows = slice(max(0, top - high), max(0, bottom + high))
        columns = slice(max(0, left - wide), max(0, right + wide))
        painted[rows, columns] = image.mean(axis=(0, 1)).astype(np.uint8)
    return painted


def talking_heads(clips: Sequence[Path], settings: dict[str, Any], sheet: Path | None) -> None:
    """Frames with a face, and false boxes."""
    total = found = several = dropped = painted = false = 0
    missed: list[Image] = []
    for clip in tqdm(clips, "talking_heads", unit="clip"):
        images = sampled(clip, 16)
        meta = cropped(images, settings).meta
        seen = {crop["frame"] for crop in meta["crops"]}
        total, found = total + len(images), found + len(seen)
        several += len({crop["track"] for crop in meta["crops"]}) > 1
        dropped += meta["dropped_tracks"]
        missed += [image for at, image in enumerate(images) if at not in seen]
        for at in sorted(seen)[::5]:
            boxes = [crop for crop in meta["crops"] if crop["frame"] == at]
            painted += 1
            false += len(faces(without_faces(images[at], boxes), settings)) > 0
    print(f"talking_heads: a face in {found} of {total} frames ({found / total:.2%})")
    print(f"  clips with several people {several}, short tracks dropped {dropped}")
    print(f"  faces painted over: a face is claimed in {false} of {painted} frames")
    if sheet and missed:
        tiles = [cv2.resize(image, (256, 256)) for image in missed[:40]]
        tiles += [np.zeros((256, 256, 3), np.uint8)] * (-len(tiles) % 5)
        rows = [np.hstack(tiles[i : i + 5]) for i in range(0, len(tiles), 5)]
        cv2.imwrite(str(sheet), np.vstack(rows)[..., ::-1])
        print(f"  the frames without a face are in {sheet}")


def dfdc_faces(images: Sequence[Path], settings: dict[str, Any]) -> None:
    """Crops with a face."""
    found = several = 0
    for path in tqdm(images, "dfdc_faces", unit="image"):
        count = len(
            faces(np.ascontiguousarray(np.asarray(cv2.imread(str(path)))[..., ::-1]), settings)
        )
        found, several = found + (count > 0), several + (count > 1)
    share = found / len(images)
    print(f"dfdc_faces: a face in {found} of {len(images)} ({share:.2%}), several in {several}")


def small_faces(clips: Sequence[Path], settings: dict[str, Any]) -> None:
    """Faces pasted into a large frame at a known size."""
    width, height = CANVAS
    hits = dict.fromkeys(SHARES, 0)
    counts = dict.fromkeys(SHARES, 0)
    for clip in tqdm(clips, "small faces", unit="clip"):
        (image,) = sampled(clip, 1)
        found = faces(image, settings)
        if not found:
            continue
        size = max(face.size for face in found)
        for share in SHARES:
            scale = share * height / size
            if scale > 1:
                continue
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            rows, columns = min(height, small.shape[0]), min(width, small.shape[1])
            canvas = np.full((height, width, 3), 90, np.uint8)
            canvas[(height - rows) // 2 :, (width - columns) // 2 :][:rows, :columns] = small[
                :rows, :columns
            ]
            counts[share] += 1
            lenient = {**settings, "min_face": 0.8 * share}
            hits[share] += len(faces(canvas, lenient)) > 0
    print("small faces in 1280 x 720 by share of the short side:")
    print("  " + ", ".join(f"{share:.0%}: {hits[share]}/{counts[share]}" for share in SHARES))


def still_clips(clips: Sequence[Path]) -> Iterator[tuple[int, list[Image]]]:
    """(CRF, frames) of clips in which nothing but noise moves."""
    noise = np.random.default_rng(0)
    for clip in clips:
        (image,) = sampled(clip, 1)
        for side in SIDES:
            scale = side / min(image.shape[:2])
            if scale > 1:
                continue
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            small = small[: small.shape[0] // 2 * 2, : small.shape[1] // 2 * 2]
            for crf in CRFS:
                noisy = [small + noise.normal(0, NOISE, small.shape) for _ in range(12)]
                yield crf, compressed(noisy, crf)


def compressed(images: Sequence[NDArray[np.float64]], crf: int) -> list[Image]:
    """Frames after H.264."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as output:
        video = output.add_stream("libx264", rate=25, options={"crf": str(crf), "g": "12"})
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = "yuv420p"
        for image in images:
            pixels = np.clip(image, 0, 255).astype(np.uint8)
            output.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(video.encode())
    stream.seek(0)
    with av.open(stream) as clip:
        return [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]


def still_faces(clips: Sequence[Path], settings: dict[str, Any]) -> None:
    """How far crops wander."""
    wander: dict[int, list[float]] = {crf: [] for crf in CRFS}
    lost = 0
    for crf, images in tqdm(still_clips(clips), "still faces", unit="clip"):
        main = [crop for crop in cropped(images, settings).meta["crops"] if crop["track"] == 0]
        lost += len(images) - len(main)
        if len(main) > 1:
            boxes = np.array([crop["box"] for crop in main])
            centres = (boxes[:, :2] + boxes[:, 2:]) / 2
            side = settings["margin"] * (boxes[:, 2:] - boxes[:, :2]).max(axis=1).mean()
            wander[crf].append(float(centres.std(axis=0).max() / side))
    print(
        f"still faces: the centre of the crop wanders by a share of its side ({lost} frames lost)"
    )
    for crf, values in wander.items():
        print(
            f"  CRF {crf}: mean {np.mean(values):.2%}, largest {max(values):.2%}"
            f" of {len(values)} clips, above 1 %: {sum(value > 0.01 for value in values)}"
        )


def main() -> int:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--crops", type=int, default=16000, help="DFDC face crops")
    parser.add_argument(
        "--stills", type=int, default=12, help="clips of which a frame stands still"
    )
    parser.add_argument("--sheet", type=Path, help="write the frames without a face to this PNG")
    args = parser.parse_args()
    if is_missing(args.bench, "talking_heads", "dfdc_faces"):
        return 2
    cv2.setNumThreads(1)
    settings = crop_settings(load_params(Path(__file__).parents[1] / "params.yaml").crops)
    clips, crops = listed(args.bench, "talking_heads"), listed(args.bench, "dfdc_faces")
    talking_heads(clips, settings, args.sheet)
    small_faces(clips[::3], settings)
    still_faces([clips[at] for at in evenly_spaced(len(clips), args.stills)], settings)
    dfdc_faces([crops[at] for at in evenly_spaced(len(crops), args.crops)], settings)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
