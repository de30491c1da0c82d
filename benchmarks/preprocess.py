"""Measure how fast videos become face crops, compared with a lower bound and with common practice.

On the same clips, one after the other:
  (a) bound: decode only the needed frames, with this project's reader and as many processes;
  (b) this project: the stages frames and crops, with an empty cache;
  (c) common practice: one process reads every frame with OpenCV, detects faces at full size on each
      sampled frame and writes a JPEG per frame and crop; with face_recognition's HOG, and with
      facenet-pytorch's MTCNN if it is installed.
Then (a) and (b) on longer 720p and 1080p H.264 clips, made from the same people. For each kind of
clip, also shows how one thread spends its time.

To install MTCNN:
  pip install --no-deps --target extra facenet-pytorch==2.6.0
  PYTHONPATH=extra python benchmarks/preprocess.py
"""

from __future__ import annotations

import cProfile
import os
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
from bench import bench_parser, list_media, report_missing
from tqdm import tqdm

from deepfake.core.archive import unpack
from deepfake.core.files import sha256_of
from deepfake.core.image import Image, decode_image, encode_jpeg
from deepfake.core.sampling import evenly_spaced
from deepfake.faces import cropping
from deepfake.faces.crops import crop_settings, extract_crops
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Failure, Step, Video
from deepfake.params.loading import load_params
from deepfake.params.schema import ExecutionParams, Params
from deepfake.video import frame_archive
from deepfake.video.decoding import decode_video
from deepfake.video.frames import extract_frames, frame_settings

SECONDS = 20  # length of the made clips
LARGE_SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}  # width and height
GOPS = (250, 48)  # x264's default, and that of a phone or a platform
MARGIN, SIDE = 1.3, 160  # of the crops of (c): margin, and side in pixels

Detect = Callable[[Image], Sequence[tuple[float, float, float, float]]]  # left, top, right, bottom


@dataclass(frozen=True)
class Timing:
    """Seconds for all clips; number of sampled frames, and of those with a face."""

    seconds: float
    frames: int = 0
    with_face: int = 0


def decode_only(path: Path, per_video: int) -> bytes:
    """Do (a) for one clip."""
    decode_video(path, lambda count: evenly_spaced(count, per_video))
    return b""


def time_bound(clips: Sequence[Path], per_video: int, execution: ExecutionParams) -> Timing:
    """Time (a)."""
    # The worker processes import the function by name, which fails for one of __main__.
    from preprocess import decode_only as importable

    inputs = [Video("", clip, {"per_video": per_video}) for clip in clips]
    start = time.perf_counter()
    results = list(map_videos(Step(importable, ""), inputs, execution, "(a) bound"))
    failures = [result for result in results if isinstance(result, Failure)]
    if failures:
        raise SystemExit(f"error: {len(failures)} clips could not be decoded: {failures[0].reason}")
    return Timing(time.perf_counter() - start)


def time_this_project(clips: Sequence[Path], params: Params) -> Timing:
    """Time (b), in an empty folder."""
    with empty_folder() as folder:
        manifest = pd.DataFrame(
            {
                "video_id": [f"d/{number}" for number in range(len(clips))],
                "path": [str(clip) for clip in clips],
                "dataset": "d",
                "kind": "video",
                "sha256": [sha256_of(clip) for clip in clips],
            }
        )
        start = time.perf_counter()
        extract_frames(
            manifest, {"d": Path("/")}, folder / "frames", params.frames, params.execution
        )
        _, videos = extract_crops(
            manifest, folder / "frames", folder / "crops", params.crops, params.execution
        )
        seconds = time.perf_counter() - start
    return Timing(seconds, int(videos["frames"].sum()), int(videos["frames_with_face"].sum()))


def time_common_practice(
    clips: Sequence[Path], per_video: int, detect: Detect, name: str
) -> Timing:
    """Time (c), in an empty folder."""
    frames = with_face = 0
    with empty_folder() as folder:
        start = time.perf_counter()
        for number, clip in enumerate(tqdm(clips, name, unit="video")):
            out = folder / str(number)
            out.mkdir()
            capture = cv2.VideoCapture(str(clip))
            count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            chosen = {*evenly_spaced(count, per_video)}
            index = 0
            while True:
                decoded, image = capture.read()
                if not decoded:
                    break
                if index in chosen:
                    cv2.imwrite(str(out / f"{index}.jpg"), image)
                    boxes = detect(np.ascontiguousarray(image[..., ::-1]))
                    frames, with_face = frames + 1, with_face + bool(len(boxes))
                    for face, box in enumerate(boxes):
                        cv2.imwrite(str(out / f"{index}-{face}.jpg"), square_crop(image, box))
                index += 1
            capture.release()
        seconds = time.perf_counter() - start
    return Timing(seconds, frames, with_face)


def square_crop(image: Image, box: tuple[float, float, float, float]) -> Image:
    """Cut out a square around a box."""
    left, top, right, bottom = box
    half = MARGIN * max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    rows, columns = (slice(max(0, int(c - half)), int(c + half)) for c in (y, x))
    return np.asarray(cv2.resize(image[rows, columns], (SIDE, SIDE)), np.uint8)


def hog() -> Detect:
    """face_recognition, used as in its README."""
    import face_recognition

    def detect(image: Image) -> list[tuple[float, float, float, float]]:
        faces = face_recognition.face_locations(image)
        return [(left, top, right, bottom) for top, right, bottom, left in faces]

    return detect


def mtcnn() -> Detect:
    """facenet-pytorch, used as in its README."""
    from facenet_pytorch import MTCNN

    model = MTCNN(keep_all=True)

    def detect(image: Image) -> list[tuple[float, float, float, float]]:
        boxes, _ = model.detect(image)
        return [] if boxes is None else [tuple(box) for box in boxes]

    return detect


@contextmanager
def empty_folder() -> Iterator[Path]:
    """Make an empty temporary folder the current one in the block."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def choose_clips(bench: Path, count: int) -> list[Path]:
    """Choose talking-head clips that are evenly spaced in the list."""
    paths = list_media(bench, "talking_heads")
    return [paths[i] for i in evenly_spaced(len(paths), count)]


def make_clip(
    source: Path, path: Path, size: tuple[int, int], gop: int, seconds: int = SECONDS
) -> None:
    """Encode a longer clip: the source, enlarged to the height, played forwards and backwards."""
    with av.open(str(source)) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)][:250]
    width, height = size
    side = min(width, round(height * frames[0].shape[1] / frames[0].shape[0]))
    canvas = np.full((height, width, 3), 90, np.uint8)
    noise = np.random.default_rng(0).integers(0, 8, canvas.shape, np.uint8)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(
            "libx264", rate=25, options={"g": str(gop), "crf": "23", "preset": "faster"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(25 * seconds):
            position = number % (2 * len(frames))
            picture = frames[min(position, 2 * len(frames) - 1 - position)]
            left = (width - side) // 2
            canvas[:, left : left + side] = cv2.resize(picture, (side, height))
            image = cv2.add(canvas, np.roll(noise, number * 37, axis=0))  # camera noise
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode())


def profile(clips: Sequence[Path], params: Params) -> str:
    """How one thread spends its time: milliseconds per clip and share, by function."""
    functions: dict[str, Callable[..., Any]] = {
        "decode": decode_video,
        "encode frames": encode_jpeg,
        "read frames again": decode_image,
        "find faces": cropping.find_tracks,
        "crop faces": cropping.crop_face,
    }
    frame_arguments, crop_arguments = frame_settings(params.frames), crop_settings(params.crops)
    profiler = cProfile.Profile()
    profiler.enable()
    for clip in clips:
        data = frame_archive.frame_archive(clip, "video", **frame_arguments)
        cropping.crop_frames(unpack(data), **crop_arguments)
    profiler.disable()
    stats = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in stats.values())
    lines = []
    for title, function in functions.items():
        code = function.__code__
        key = (code.co_filename, code.co_firstlineno, code.co_name)
        spent = stats[key][3] if key in stats else 0.0
        lines.append(f"  {title:<18} {1000 * spent / len(clips):7.0f} ms {spent / total:6.1%}")
    return "\n".join(lines)


def report_line(name: str, timing: Timing, clips: int, project: Timing) -> str:
    """Format the timing of one method, relative to that of this project."""
    faces = f"{timing.with_face}/{timing.frames}" if timing.frames else "-"
    return (
        f"  {name:<26} {timing.seconds:8.1f} s {clips / timing.seconds:7.2f} videos/s"
        f"  {timing.seconds / project.seconds:6.2f} x (b)   frames with a face: {faces}"
    )


def compare(clips: Sequence[Path], params: Params, detectors: dict[str, Detect]) -> None:
    """Measure (a), (b) and, for each detector, (c) on the same clips, and print."""
    per_video = params.frames.per_video
    common = {
        name: time_common_practice(clips, per_video, detect, name)
        for name, detect in detectors.items()
    }
    a = time_bound(clips, per_video, params.execution)
    b = time_this_project(clips, params)
    for name, timing in {"(a) bound": a, "(b) this project": b, **common}.items():
        print(report_line(name, timing, len(clips), b))
    ratios = [f"(b) = {b.seconds / a.seconds:.2f} x (a)"]
    ratios += [f"{name} = {t.seconds / b.seconds:.1f} x (b)" for name, t in common.items()]
    print("  " + ", ".join(ratios), flush=True)


def main() -> int:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument(
        "--clips", type=int, default=126, help="number of talking-head clips (default: 126)"
    )
    parser.add_argument(
        "--large",
        type=int,
        default=6,
        help="number of 720p and 1080p clips of each kind; 0: none (default: 6)",
    )
    parser.add_argument("--frames", type=int, default=16, help="frames per clip (default: 16)")
    parser.add_argument(
        "--workers", type=int, default=2, help="number of processes of (a) and (b) (default: 2)"
    )
    parser.add_argument("--skip-common", action="store_true", help="skip (c), which takes longest")
    args = parser.parse_args()
    if report_missing(args.bench, "talking_heads"):
        return 2
    os.environ["OMP_NUM_THREADS"] = "1"  # for the profile; worker processes set it themselves
    params = load_params(Path(__file__).parents[1] / "params.yaml")
    params = params.model_copy(
        update={
            "frames": params.frames.model_copy(update={"per_video": args.frames}),
            "execution": params.execution.model_copy(update={"workers": args.workers}),
        }
    )
    detectors: dict[str, Detect] = {}
    if not args.skip_common:
        detectors["(c) common practice, HOG"] = hog()
        try:
            detectors["(c) common practice, MTCNN"] = mtcnn()
        except ImportError:
            print("skipped MTCNN: not installed, see --help", file=sys.stderr)
    clips = choose_clips(args.bench, args.clips)
    print(f"{len(clips)} talking heads, {args.frames} frames each, {args.workers} processes")
    compare(clips, params, detectors)
    print("time of one thread per clip:")
    print(profile(clips[:: max(1, len(clips) // 12)], params))
    with tempfile.TemporaryDirectory() as folder:
        for kind, size in LARGE_SIZES.items() if args.large else ():
            for gop in GOPS:
                made = [Path(folder) / f"{kind}-{gop}-{i}.mp4" for i in range(args.large)]
                sources = choose_clips(args.bench, args.large)
                for source, path in zip(sources, made, strict=True):
                    make_clip(source, path, size, gop)
                print(f"{len(made)} clips of {SECONDS} s, {kind}, a keyframe every {gop} frames")
                compare(made, params, {})
                print(profile(made[:3], params))
                for path in made:
                    path.unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
