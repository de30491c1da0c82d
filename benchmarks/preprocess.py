"""How fast videos become face crops, against what bounds it and what is usual.

Over the same clips, one after the other:
  (a) bound:  only decode the needed frames, by this project's reader and in as many processes;
  (b) ours:   the frames and crops stages, with nothing remembered;
  (c) usual:  one process reads every frame with OpenCV, detects at full size on each sampled frame
              and writes a JPEG per frame and per crop; with face_recognition's HOG, and with
              facenet-pytorch's MTCNN where it is installed.
Then (a) and (b) over longer 720p and 1080p H.264 clips, which it makes from the same people, and
where one thread spends its time on them.

To add MTCNN: pip install --no-deps --target extra facenet-pytorch==2.6.0, then run it with
PYTHONPATH=extra.
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

import av
import cv2
import numpy as np
import pandas as pd
from bench import bench_parser, is_missing, listed
from numpy.typing import NDArray
from tqdm import tqdm

from deepfake.core.archive import unpack
from deepfake.core.files import sha256_of
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

SECONDS = 20  # of the made clips
LARGE = {"720p": (1280, 720), "1080p": (1920, 1080)}
GOPS = (250, 48)  # x264's own choice, and that of a phone or a platform
MARGIN, SIDE = 1.3, 160  # of the usual crop

Detect = Callable[[NDArray[np.uint8]], Sequence[tuple[float, float, float, float]]]


@dataclass(frozen=True)
class Timing:
    """Seconds for all clips, and faces found in how many of the sampled frames."""

    seconds: float
    frames: int = 0
    with_face: int = 0


def decode_only(path: Path, per_video: int) -> bytes:
    """(a) for one clip."""
    decode_video(path, lambda count: evenly_spaced(count, per_video))
    return b""


def bound(clips: Sequence[Path], per_video: int, execution: ExecutionParams) -> Timing:
    """(a)."""
    # The processes do not know what stands in __main__.
    from preprocess import decode_only as importable

    inputs = [Video("", clip, {"per_video": per_video}) for clip in clips]
    start = time.perf_counter()
    results = list(map_videos(Step(importable, ""), inputs, execution, "(a) bound"))
    if any(isinstance(result, Failure) for result in results):
        raise SystemExit(f"the bound cannot be measured: {results}")
    return Timing(time.perf_counter() - start)


def ours(clips: Sequence[Path], params: Params) -> Timing:
    """(b), in an empty folder."""
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


def usual(clips: Sequence[Path], per_video: int, detect: Detect, name: str) -> Timing:
    """(c), in an empty folder."""
    frames = with_face = 0
    with empty_folder() as folder:
        start = time.perf_counter()
        for number, clip in enumerate(tqdm(clips, name, unit="video")):
            out = folder / str(number)
            out.mkdir()
            capture = cv2.VideoCapture(str(clip))
            count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            wanted = {*evenly_spaced(count, per_video)}
            index = 0
            while True:
                decoded, image = capture.read()
                if not decoded:
                    break
                if index in wanted:
                    cv2.imwrite(str(out / f"{index}.jpg"), image)
                    boxes = detect(np.ascontiguousarray(image[..., ::-1]))
                    frames, with_face = frames + 1, with_face + bool(len(boxes))
                    for face, box in enumerate(boxes):
                        cv2.imwrite(str(out / f"{index}-{face}.jpg"), usual_crop(image, box))
                index += 1
            capture.release()
        seconds = time.perf_counter() - start
    return Timing(seconds, frames, with_face)


def usual_crop(
    image: NDArray[np.uint8], box: tuple[float, float, float, float]
) -> NDArray[np.uint8]:
    """A square around the box."""
    left, top, right, bottom = box
    half = MARGIN * max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    rows, columns = (slice(max(0, int(at - half)), int(at + half)) for at in (y, x))
    return np.asarray(cv2.resize(image[rows, columns], (SIDE, SIDE)), np.uint8)


def hog() -> Detect:
    """face_recognition as its readme shows it."""
    import face_recognition

    def detect(image: NDArray[np.uint8]) -> list[tuple[float, float, float, float]]:
        found = face_recognition.face_locations(image)
        return [(left, top, right, bottom) for top, right, bottom, left in found]

    return detect


def mtcnn() -> Detect:
    """facenet-pytorch as its readme shows it."""
    from facenet_pytorch import MTCNN

    model = MTCNN(keep_all=True)

    def detect(image: NDArray[np.uint8]) -> list[tuple[float, float, float, float]]:
        boxes, _ = model.detect(image)
        return [] if boxes is None else [tuple(box) for box in boxes]

    return detect


@contextmanager
def empty_folder() -> Iterator[Path]:
    """An empty current folder, gone afterwards."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def talking_heads(bench: Path, count: int) -> list[Path]:
    """Evenly chosen clips."""
    paths = listed(bench, "talking_heads")
    return [paths[at] for at in evenly_spaced(len(paths), count)]


def make_clip(
    source: Path, path: Path, size: tuple[int, int], gop: int, seconds: int = SECONDS
) -> None:
    """A clip of some seconds in which the source, enlarged, fills the height, played to and fro."""
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
            turn = number % (2 * len(frames))
            picture = frames[min(turn, 2 * len(frames) - 1 - turn)]
            left = (width - side) // 2
            canvas[:, left : left + side] = cv2.resize(picture, (side, height))
            image = cv2.add(canvas, np.roll(noise, number * 37, axis=0))  # a camera is never still
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode())


def profile(clips: Sequence[Path], params: Params) -> str:
    """Share of one thread's time by what it does."""
    parts = {
        "decode": ("decoding.py", "decode_video"),
        "encode frames": ("image.py", "encode_jpeg"),
        "read frames again": ("image.py", "decode_image"),
        "find faces": ("cropping.py", "find_tracks"),
        "cut out": ("cropping.py", "cut_out"),
    }
    frame_arguments, crop_arguments = frame_settings(params.frames), crop_settings(params.crops)
    watch = cProfile.Profile()
    watch.enable()
    for clip in clips:
        data = frame_archive.frame_archive(clip, "video", **frame_arguments)
        cropping.crop_frames(unpack(data), **crop_arguments)
    watch.disable()
    stats = pstats.Stats(watch).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in stats.values())
    lines = []
    for title, (file, function) in parts.items():
        spent = sum(s[3] for k, s in stats.items() if k[0].endswith(file) and k[2] == function)
        lines.append(f"  {title:<18} {1000 * spent / len(clips):7.0f} ms {spent / total:6.1%}")
    return "\n".join(lines)


def line(name: str, timing: Timing, clips: int, base: Timing) -> str:
    """A row of the report."""
    found = f"{timing.with_face}/{timing.frames}" if timing.frames else "-"
    return (
        f"  {name:<22} {timing.seconds:8.1f} s {clips / timing.seconds:7.2f} videos/s"
        f"  {timing.seconds / base.seconds:6.2f} x (b)   frames with a face {found}"
    )


def compare(clips: Sequence[Path], params: Params, others: dict[str, Detect]) -> None:
    """Measure (a), (b) and the usual ways over the same clips, and print."""
    per_video = params.frames.per_video
    rest = {name: usual(clips, per_video, detect, name) for name, detect in others.items()}
    a = bound(clips, per_video, params.execution)
    b = ours(clips, params)
    print(line("(a) bound", a, len(clips), b))
    print(line("(b) ours", b, len(clips), b))
    for name, timing in rest.items():
        print(line(name, timing, len(clips), b))
    ratios = [f"(b) = {b.seconds / a.seconds:.2f} x (a)"]
    ratios += [f"{name} = {timing.seconds / b.seconds:.1f} x (b)" for name, timing in rest.items()]
    print("  " + ", ".join(ratios), flush=True)


def main() -> int:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--clips", type=int, default=126, help="talking-head clips")
    parser.add_argument(
        "--large", type=int, default=6, help="720p and 1080p clips of each kind, or 0"
    )
    parser.add_argument("--frames", type=int, default=16, help="frames of a clip")
    parser.add_argument("--workers", type=int, default=2, help="processes of (a) and (b)")
    parser.add_argument("--skip-usual", action="store_true", help="leave (c) out: it takes longest")
    args = parser.parse_args()
    if is_missing(args.bench, "talking_heads"):
        return 2
    os.environ["OMP_NUM_THREADS"] = "1"  # for the profile; the processes have it anyway
    params = load_params(Path(__file__).parents[1] / "params.yaml")
    params = params.model_copy(
        update={
            "frames": params.frames.model_copy(update={"per_video": args.frames}),
            "execution": params.execution.model_copy(update={"workers": args.workers}),
        }
    )
    others: dict[str, Detect] = {} if args.skip_usual else {"(c) usual, HOG": hog()}
    if not args.skip_usual:
        try:
            others["(c) usual, MTCNN"] = mtcnn()
        except ImportError:
            print("left out: MTCNN is not installed, see --help", file=sys.stderr)
    clips = talking_heads(args.bench, args.clips)
    print(f"{len(clips)} talking heads, {args.frames} frames each, {args.workers} processes")
    compare(clips, params, others)
    print("where one thread spends its time on them, a clip:")
    print(profile(clips[:: max(1, len(clips) // 12)], params))
    with tempfile.TemporaryDirectory() as folder:
        for kind, size in LARGE.items() if args.large else ():
            for gop in GOPS:
                made = [Path(folder) / f"{kind}-{gop}-{i}.mp4" for i in range(args.large)]
                sources = talking_heads(args.bench, args.large)
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
