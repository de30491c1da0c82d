"""Compare readers that decode a few frames of a video: CPU time and number of wrong frames.

A frame is wrong if another frame of the video is closer to it than the requested one, by mean
difference of grey values in thumbnails; the reference is all frames, read in order. All readers use
one thread. CPU time is measured, because other jobs on the machine affect it less. Talking-head
clips are short and mostly one group of pictures (GOP), so every reader must decode nearly all of
them. Long clips, made from a real one, show what a reader saves.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from bench import bench_parser, list_media, markdown_table, report_missing
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.core.sampling import evenly_spaced
from deepfake.video.decoding import decode_video

Reader = Callable[[Path, list[int]], list[Image]]  # a path and the indices of the frames
Thumbnail = NDArray[np.float32]  # height x width, grey levels

THUMBNAIL_SIZE = (128, 72)  # width and height, pixels
# Another frame must be closer by this much (grey levels, and fraction of the difference), because
# readers convert YUV to RGB differently, which is most of the difference.
TOLERANCE, RELATIVE_TOLERANCE = 0.02, 0.05
BASELINE = "OpenCV grab"
RATE = 30  # frames per second of the long clips


@dataclass(frozen=True)
class VideoSet:
    """Videos of one column of the table."""

    name: str
    paths: list[Path]


def open_capture(path: Path) -> cv2.VideoCapture:
    """Open a video with OpenCV and one thread."""
    return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def bgr_to_rgb(image: Image) -> Image:
    """Convert from OpenCV's order of colours."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def opencv_read(path: Path, indices: list[int]) -> list[Image]:
    """Decode and convert every frame."""
    video, frames, chosen = open_capture(path), [], set(indices)
    for index in range(max(indices) + 1):
        ok, image = video.read()
        if ok and index in chosen:
            frames.append(bgr_to_rgb(image))
    while video.read()[0]:
        pass
    return frames


def opencv_grab(path: Path, indices: list[int]) -> list[Image]:
    """Decode every frame, convert the chosen ones."""
    video, frames, chosen, index = open_capture(path), [], set(indices), 0
    while video.grab():
        if index in chosen:
            frames.append(bgr_to_rgb(video.retrieve()[1]))
        index += 1
    return frames


def opencv_seek(path: Path, indices: list[int]) -> list[Image]:
    """Seek by frame number."""
    video, frames = open_capture(path), []
    for index in indices:
        video.set(cv2.CAP_PROP_POS_FRAMES, index)
        ok, image = video.read()
        frames.append(bgr_to_rgb(image) if ok else np.zeros((8, 8, 3), np.uint8))
    return frames


def pyav_all(path: Path) -> Iterator[av.VideoFrame]:
    """Decode all frames in order."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        yield from container.decode(video=0)


def pyav_sequential(path: Path, indices: list[int]) -> list[Image]:
    """Decode every frame, convert the chosen ones."""
    chosen, frames = set(indices), enumerate(pyav_all(path))
    return [f.to_ndarray(format="rgb24", threads=1) for i, f in frames if i in chosen]


def this_project(path: Path, indices: list[int]) -> list[Image]:
    """Decode only the frames that the chosen ones need."""
    return decode_video(path, lambda _: indices).frames


def torchcodec(mode: str, path: Path, indices: list[int]) -> list[Image]:
    """Decode by time stamps, from a scan of the file ("exact") or its header ("approximate")."""
    decoder = import_module("torchcodec.decoders").VideoDecoder(
        str(path), dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode=mode
    )
    return list(np.asarray(decoder.get_frames_at(indices).data))


# To add a reader, write a function above and add it here.
READERS: dict[str, Reader] = {
    "OpenCV read": opencv_read,
    BASELINE: opencv_grab,
    "OpenCV seek": opencv_seek,
    "PyAV in order": pyav_sequential,
    "this project": this_project,
    "torchcodec exact": partial(torchcodec, "exact"),
    "torchcodec approximate": partial(torchcodec, "approximate"),
}


def available_readers(only: str) -> dict[str, Reader]:
    """Readers that are installed. The others are reported on stderr."""
    readers = {name: reader for name, reader in READERS.items() if only in name or name == BASELINE}
    problem = "not installed" if find_spec("torchcodec") is None else ""
    if not problem:
        try:
            import_module("torchcodec.decoders")
            import_module("torch").set_num_threads(1)
        except (ImportError, OSError, RuntimeError) as error:
            problem = str(error).strip().splitlines()[0]
    if problem:
        print(f"skipped torchcodec: {problem}", file=sys.stderr)
        readers = {name: reader for name, reader in readers.items() if "torchcodec" not in name}
    return readers


def choose_clips(bench: Path, count: int) -> list[Path]:
    """Choose talking-head clips that are evenly spaced in the list."""
    paths = list_media(bench, "talking_heads")
    return [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, count).astype(int))]


def encode_long(source: Path, path: Path, height: int, gop: int, seconds: int) -> Path:
    """Encode a long clip: a real one, enlarged, played forwards and backwards in a moving window.

    The window moves so that no frame occurs twice.
    """
    width = height * 16 // 9
    pictures = [frame.to_ndarray(format="rgb24") for frame in islice(pyav_all(source), 100)]
    round_trip = [*pictures, *pictures[-2:0:-1]]
    with av.open(str(path), "w") as output:
        options = {"g": str(gop), "preset": "veryfast", "crf": "23", "threads": "2"}
        stream = output.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(seconds * RATE):
            large = cv2.resize(round_trip[index % len(round_trip)], (width + 64, height + 64))
            x, y = (round(32 + 32 * np.sin(index / period)) for period in (41, 67))
            window = np.ascontiguousarray(large[y : y + height, x : x + width])
            output.mux(stream.encode(av.VideoFrame.from_ndarray(window, format="rgb24")))
        output.mux(stream.encode())
    return path


def thumbnail(image: Image) -> Thumbnail:
    """Reduce an image to a small grey one."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.resize(grey, THUMBNAIL_SIZE, interpolation=cv2.INTER_AREA))


def count_wrong(frames: list[Image], indices: list[int], reference: NDArray[np.float32]) -> int:
    """Count frames that are missing or closer to another frame of the video.

    Args:
        frames: those that a reader returned.
        indices: their indices.
        reference: thumbnails of all frames of the video.
    """
    wrong = len(indices) - len(frames)
    for index, frame in zip(indices, frames, strict=False):
        distances = np.abs(reference - thumbnail(frame)).mean(axis=(1, 2))
        wrong += bool(distances[index] > (1 + RELATIVE_TOLERANCE) * distances.min() + TOLERANCE)
    return wrong


def measure(
    readers: dict[str, Reader], videos: VideoSet, per_clip: int, repeats: int
) -> dict[str, tuple[float, int]]:
    """Mean CPU time per clip in ms (fastest repeat) and number of wrong frames, for each reader."""
    total = dict.fromkeys(readers, 0.0)
    wrong = dict.fromkeys(readers, 0)
    for path in videos.paths:
        reference = np.stack([thumbnail(f.to_ndarray(format="rgb24")) for f in pyav_all(path)])
        indices = evenly_spaced(len(reference), per_clip)
        for name, reader in readers.items():
            fastest = np.inf
            for _ in range(repeats):
                start = time.process_time()
                frames = reader(path, indices)
                fastest = min(fastest, time.process_time() - start)
            total[name] += 1000 * fastest
            wrong[name] += count_wrong(frames, indices, reference)
    return {name: (total[name] / len(videos.paths), wrong[name]) for name in readers}


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = bench_parser(
        __doc__,
        "torchcodec is skipped if it is not installed. To install it:\n"
        "  apt-get install ffmpeg\n"
        "  pip install --no-deps --target extra torchcodec\n"
        "  PYTHONPATH=extra python benchmarks/decoding.py\n"
        "Each cell shows the CPU time per clip in ms (relative to OpenCV grab) and the number of\n"
        "wrong frames of all frames.",
    )
    parser.add_argument(
        "--clips", type=int, default=24, help="number of talking-head clips (default: 24)"
    )
    parser.add_argument(
        "--frames", type=int, default=16, help="evenly spaced frames per clip (default: 16)"
    )
    parser.add_argument(
        "--seconds", type=int, default=20, help="length of each long clip; 0: none (default: 20)"
    )
    parser.add_argument(
        "--repeats", type=int, default=2, help="timings per clip; the fastest counts (default: 2)"
    )
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="measure only readers with this text in the name"
    )
    return parser.parse_args()


def main() -> int:
    """Measure and print."""
    cv2.setNumThreads(1)
    args = parse_arguments()
    if report_missing(args.bench, "talking_heads"):
        return 2
    readers = available_readers(args.only)
    video_sets = [VideoSet("talking heads", choose_clips(args.bench, args.clips))]
    with tempfile.TemporaryDirectory() as folder:
        largest = max(list_media(args.bench, "talking_heads"), key=lambda path: path.stat().st_size)
        for height, gop in [(720, 250), (720, 48), (1080, 250), (1080, 48)] if args.seconds else []:
            path = Path(folder) / f"{height}_{gop}.mp4"
            print(f"encoding {args.seconds} s, {height} lines, GOP {gop} ...", file=sys.stderr)
            encode_long(largest, path, height, gop, args.seconds)
            video_sets.append(VideoSet(f"{height} lines, GOP {gop}", [path]))
        columns = [measure(readers, videos, args.frames, args.repeats) for videos in video_sets]
    rows = []
    for name in readers:
        cells = [
            f"{times[name][0]:.0f} ({times[name][0] / times[BASELINE][0]:.2f}x), {times[name][1]}"
            f"/{args.frames * len(videos.paths)}"
            for videos, times in zip(video_sets, columns, strict=True)
        ]
        rows.append([name, *cells])
    header = ["reader", *(f"{videos.name} ({len(videos.paths)})" for videos in video_sets)]
    print(markdown_table(header, rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
