"""Measure how many faces the crops stage finds in real frames, and how steady their crops are.

- talking_heads: frames with a face, of 16 frames per clip; clips with several people; faces found
  although they are painted over (false boxes).
- dfdc_faces: tight, sometimes nearly black crops in which a face is found.
- small faces: faces found, by their size relative to the shorter side of the frame.
- still faces: standard deviation of the crop's centre, relative to the crop's side, in clips of one
  repeated real frame with camera noise and H.264.
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
from bench import bench_parser, list_media, report_missing
from numpy.typing import NDArray
from tqdm import tqdm

from deepfake.core.archive import Archive, unpack
from deepfake.core.image import Image, encode_jpeg
from deepfake.core.sampling import evenly_spaced
from deepfake.faces.cropping import crop_frames
from deepfake.faces.crops import crop_settings
from deepfake.faces.detection import Face, find_faces
from deepfake.params.loading import load_params
from deepfake.video.decoding import decode_video

FACE_SIZES = (0.04, 0.05, 0.06, 0.08, 0.1, 0.15)  # relative to the frame's shorter side
CANVAS = (1280, 720)  # width and height of the frames with small faces
NOISE = 3  # standard deviation of the camera noise, grey levels
CRFS = (23, 32, 40)
SIDES = (256, 360, 720)  # shorter sides of the still clips, pixels


def sample_frames(path: Path, count: int) -> list[Image]:
    """Decode evenly spaced frames."""
    return decode_video(path, partial(evenly_spaced, wanted=count)).frames


def crop_images(images: Sequence[Image], settings: dict[str, Any]) -> Archive:
    """Crop the faces of these frames as the crops stage does."""
    members = {f"{i:06d}.jpg": encode_jpeg(image, 95, "yuv444") for i, image in enumerate(images)}
    return unpack(crop_frames(Archive({"status": "ok"}, members), **settings))


def search_image(image: Image, settings: dict[str, Any]) -> list[Face]:
    """Faces found in a search of the whole image."""
    names = ("detector", "detect_size", "min_score", "min_face")
    return list(find_faces(image, *(settings[name] for name in names)))


def paint_over_faces(image: Image, crops: Sequence[dict[str, Any]]) -> Image:
    """Fill each face box, enlarged by half, with the mean colour of the image."""
    painted = image.copy()
    for crop in crops:
        left, top, right, bottom = (round(value) for value in crop["box"])
        x_border, y_border = (right - left) // 4, (bottom - top) // 4
        rows = slice(max(0, top - y_border), max(0, bottom + y_border))
        columns = slice(max(0, left - x_border), max(0, right + x_border))
        painted[rows, columns] = image.mean(axis=(0, 1)).astype(np.uint8)
    return painted


def measure_talking_heads(
    clips: Sequence[Path], settings: dict[str, Any], sheet: Path | None
) -> None:
    """Count frames with a face, and false boxes."""
    total = with_face = several = dropped = painted = false = 0
    missed: list[Image] = []
    for clip in tqdm(clips, "talking_heads", unit="clip"):
        images = sample_frames(clip, 16)
        meta = crop_images(images, settings).meta
        indices = {crop["frame"] for crop in meta["crops"]}
        total, with_face = total + len(images), with_face + len(indices)
        several += len({crop["track"] for crop in meta["crops"]}) > 1
        dropped += meta["dropped_tracks"]
        missed += [image for index, image in enumerate(images) if index not in indices]
        for index in sorted(indices)[::5]:
            crops = [crop for crop in meta["crops"] if crop["frame"] == index]
            painted += 1
            false += len(search_image(paint_over_faces(images[index], crops), settings)) > 0
    print(f"talking_heads: a face in {with_face} of {total} frames ({with_face / total:.2%})")
    print(f"  clips with several people: {several}, short tracks dropped: {dropped}")
    print(f"  faces painted over: a face is found in {false} of {painted} frames")
    if sheet and missed:
        tiles = [cv2.resize(image, (256, 256)) for image in missed[:40]]
        tiles += [np.zeros((256, 256, 3), np.uint8)] * (-len(tiles) % 5)
        rows = [np.hstack(tiles[i : i + 5]) for i in range(0, len(tiles), 5)]
        cv2.imwrite(str(sheet), np.vstack(rows)[..., ::-1])
        print(f"  the frames without a face are in {sheet}")


def measure_dfdc_faces(images: Sequence[Path], settings: dict[str, Any]) -> None:
    """Count face crops in which a face is found."""
    with_face = several = 0
    for path in tqdm(images, "dfdc_faces", unit="image"):
        image = np.ascontiguousarray(np.asarray(cv2.imread(str(path)))[..., ::-1])
        count = len(search_image(image, settings))
        with_face, several = with_face + (count > 0), several + (count > 1)
    print(
        f"dfdc_faces: a face in {with_face} of {len(images)} images"
        f" ({with_face / len(images):.2%}), several in {several}"
    )


def measure_small_faces(clips: Sequence[Path], settings: dict[str, Any]) -> None:
    """Count the faces found when they are pasted into a large frame at a known size."""
    width, height = CANVAS
    hits = dict.fromkeys(FACE_SIZES, 0)
    counts = dict.fromkeys(FACE_SIZES, 0)
    for clip in tqdm(clips, "small faces", unit="clip"):
        (image,) = sample_frames(clip, 1)
        faces = search_image(image, settings)
        if not faces:
            continue
        pixels = max(face.size for face in faces)
        for size in FACE_SIZES:
            scale = size * height / pixels
            if scale > 1:
                continue
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            rows, columns = min(height, small.shape[0]), min(width, small.shape[1])
            canvas = np.full((height, width, 3), 90, np.uint8)
            canvas[(height - rows) // 2 :, (width - columns) // 2 :][:rows, :columns] = small[
                :rows, :columns
            ]
            counts[size] += 1
            lenient = {**settings, "min_face": 0.8 * size}
            hits[size] += len(search_image(canvas, lenient)) > 0
    print("small faces in 1280 x 720, by size relative to the shorter side:")
    print("  " + ", ".join(f"{size:.0%}: {hits[size]}/{counts[size]}" for size in FACE_SIZES))


def still_clips(clips: Sequence[Path]) -> Iterator[tuple[int, list[Image]]]:
    """Yield the CRF and the frames of clips in which only noise changes."""
    noise = np.random.default_rng(0)
    for clip in clips:
        (image,) = sample_frames(clip, 1)
        for side in SIDES:
            scale = side / min(image.shape[:2])
            if scale > 1:
                continue
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            small = small[: small.shape[0] // 2 * 2, : small.shape[1] // 2 * 2]
            for crf in CRFS:
                noisy = [small + noise.normal(0, NOISE, small.shape) for _ in range(12)]
                yield crf, compress_h264(noisy, crf)


def compress_h264(images: Sequence[NDArray[np.float64]], crf: int) -> list[Image]:
    """Encode frames as H.264 and decode them again."""
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


def measure_still_faces(clips: Sequence[Path], settings: dict[str, Any]) -> None:
    """Measure how far the crop of a still face moves."""
    deviations: dict[int, list[float]] = {crf: [] for crf in CRFS}
    lost = 0
    for crf, images in tqdm(still_clips(clips), "still faces", unit="clip"):
        crops = crop_images(images, settings).meta["crops"]
        main_track = [crop for crop in crops if crop["track"] == 0]
        lost += len(images) - len(main_track)
        if len(main_track) > 1:
            boxes = np.array([crop["box"] for crop in main_track])
            centres = (boxes[:, :2] + boxes[:, 2:]) / 2
            side = settings["margin"] * (boxes[:, 2:] - boxes[:, :2]).max(axis=1).mean()
            deviations[crf].append(float(centres.std(axis=0).max() / side))
    print(
        "still faces: standard deviation of the crop's centre, relative to the crop's side"
        f" ({lost} frames without the face)"
    )
    for crf, values in deviations.items():
        print(
            f"  CRF {crf}: mean {np.mean(values):.2%}, largest {max(values):.2%}"
            f" of {len(values)} clips, above 1 %: {sum(value > 0.01 for value in values)}"
        )


def main() -> int:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument(
        "--crops", type=int, default=16000, help="number of DFDC face crops (default: 16000)"
    )
    parser.add_argument(
        "--stills",
        type=int,
        default=12,
        help="number of clips to make still clips from (default: 12)",
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="PNG",
        help="write the talking-head frames without a face to this file",
    )
    args = parser.parse_args()
    if report_missing(args.bench, "talking_heads", "dfdc_faces"):
        return 2
    cv2.setNumThreads(1)
    settings = crop_settings(load_params(Path(__file__).parents[1] / "params.yaml").crops)
    settings["min_face_pixels"] = 0  # measure what is found, not what is judged
    clips, crops = list_media(args.bench, "talking_heads"), list_media(args.bench, "dfdc_faces")
    measure_talking_heads(clips, settings, args.sheet)
    measure_small_faces(clips[::3], settings)
    measure_still_faces([clips[i] for i in evenly_spaced(len(clips), args.stills)], settings)
    measure_dfdc_faces([crops[i] for i in evenly_spaced(len(crops), args.crops)], settings)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
