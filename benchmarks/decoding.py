"""Compare ways to get a few frames out of a video: how long they take, how many frames are wrong.

A frame is wrong if another frame of the video, all read in order, is closer to it than the one
asked for, by mean difference of grey values in small pictures. All readers have one thread, and
processor time is measured, so that other jobs on the machine matter less. Clips of talking heads
are short and mostly one group of pictures (GOP), so nearly everything must be decoded whatever the
reader; the long clips, made here from a real one, show what a reader saves.
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
from bench import bench_parser, is_missing, listed, table
from numpy.typing import NDArray

from deepfake.video.decoding import decode_video

Image = NDArray[np.uint8]  # height x width x RGB
Reader = Callable[[Path, list[int]], list[Image]]
Small = NDArray[np.float32]  # height x width

SMALL = (128, 72)  # pixels of the pictures that are compared
# Grey levels, and part of the difference: by so much another frame must be closer to be believed.
# Readers differ in how they turn YUV into RGB, which is most of the difference.
MARGIN, PART = 0.02, 0.05
BASE = "OpenCV grab"
RATE = 30  # frames per second of the long clips


@dataclass(frozen=True)
class Group:
    """Videos that make one column of the table."""

    name: str
    paths: list[Path]


def capture(path: Path) -> cv2.VideoCapture:
    """OpenCV's reader with one thread."""
    return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def rgb(image: Image) -> Image:
    """OpenCV's order of colours made ours."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def opencv_read(path: Path, wanted: list[int]) -> list[Image]:
    """Decode and convert every frame."""
    video, frames, keep = capture(path), [], set(wanted)
    for index in range(max(wanted) + 1):
        ok, image = video.read()
        if ok and index in keep:
            frames.append(rgb(image))
    while video.read()[0]:
        pass
    return frames


def opencv_grab(path: Path, wanted: list[int]) -> list[Image]:
    """Decode every frame, convert those wanted."""
    video, frames, keep, index = capture(path), [], set(wanted), 0
    while video.grab():
        if index in keep:
            frames.append(rgb(video.retrieve()[1]))
        index += 1
    return frames


def opencv_seek(path: Path, wanted: list[int]) -> list[Image]:
    """Seek by frame number."""
    video, frames = capture(path), []
    for index in wanted:
        video.set(cv2.CAP_PROP_POS_FRAMES, index)
        ok, image = video.read()
        frames.append(rgb(image) if ok else np.zeros((8, 8, 3), np.uint8))
    return frames


def pyav_all(path: Path) -> Iterator[av.VideoFrame]:
    """All frames in order."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        yield from container.decode(video=0)


def pyav_sequential(path: Path, wanted: list[int]) -> list[Image]:
    """Decode every frame, convert those wanted."""
    keep, frames = set(wanted), enumerate(pyav_all(path))
    return [f.to_ndarray(format="rgb24", threads=1) for i, f in frames if i in keep]


def this_project(path: Path, wanted: list[int]) -> list[Image]:
    """Decode what the frames need."""
    return decode_video(path, lambda _: wanted).frames


def torchcodec(mode: str, path: Path, wanted: list[int]) -> list[Image]:
    """Decode by time stamps, found by a scan ("exact") or from the header ("approximate")."""
    decoder = import_module("torchcodec.decoders").VideoDecoder(
        str(path), dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode=mode
    )
    return list(np.asarray(decoder.get_frames_at(wanted).data))


# Another reader is another line here and a function above.
READERS: dict[str, Reader] = {
    "OpenCV read": opencv_read,
    BASE: opencv_grab,
    "OpenCV seek": opencv_seek,
    "PyAV in order": pyav_sequential,
    "this project": this_project,
    "torchcodec exact": partial(torchcodec, "exact"),
    "torchcodec approximate": partial(torchcodec, "approximate"),
}


def ready(only: str) -> dict[str, Reader]:
    """The readers that are installed; the others are named on stderr."""
    readers = {name: reader for name, reader in READERS.items() if only in name or name == BASE}
    problem = "not installed" if find_spec("torchcodec") is None else ""
    if not problem:
        try:
            import_module("torchcodec.decoders")
            import_module("torch").set_num_threads(1)
        except (ImportError, OSError, RuntimeError) as error:
            problem = str(error).strip().splitlines()[0]
    if problem:
        print(f"left out: torchcodec: {problem}", file=sys.stderr)
        readers = {name: reader for name, reader in readers.items() if "torchcodec" not in name}
    return readers


def talking_heads(bench: Path, clips: int) -> list[Path]:
    """Evenly chosen clips."""
    paths = listed(bench, "talking_heads")
    return [paths[at] for at in np.unique(np.linspace(0, len(paths) - 1, clips).astype(int))]


def encode_long(source: Path, path: Path, height: int, gop: int, seconds: int) -> Path:
    """A real clip to and fro, enlarged, with a window that wanders so that no frame comes twice."""
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


def small(image: Image) -> Small:
    """A small grey picture."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.resize(grey, SMALL, interpolation=cv2.INTER_AREA))


def count_wrong(frames: list[Image], wanted: list[int], reference: NDArray[np.float32]) -> int:
    """How many frames are closer to another frame of the video, or missing."""
    wrong = len(wanted) - len(frames)
    for index, frame in zip(wanted, frames, strict=False):
        distances = np.abs(reference - small(frame)).mean(axis=(1, 2))
        wrong += bool(distances[index] > (1 + PART) * distances.min() + MARGIN)
    return wrong


def measure(
    readers: dict[str, Reader], group: Group, per_clip: int, repeats: int
) -> dict[str, tuple[float, int]]:
    """Mean ms per clip (of the fastest repeat) and number of wrong frames, for each reader.

    Milliseconds of the processor: another job on the machine does not matter so much.
    """
    total = dict.fromkeys(readers, 0.0)
    wrong = dict.fromkeys(readers, 0)
    for path in group.paths:
        reference = np.stack([small(f.to_ndarray(format="rgb24")) for f in pyav_all(path)])
        count = len(reference)
        parts = min(per_clip, count)
        wanted = [(2 * part + 1) * count // (2 * parts) for part in range(parts)]
        for name, reader in readers.items():
            fastest = np.inf
            for _ in range(repeats):
                start = time.process_time()
                frames = reader(path, wanted)
                fastest = min(fastest, time.process_time() - start)
            total[name] += 1000 * fastest
            wrong[name] += count_wrong(frames, wanted, reference)
    return {name: (total[name] / len(group.paths), wrong[name]) for name in readers}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = bench_parser(
        __doc__,
        "torchcodec is left out where it is not installed. To add it:\n"
        "  apt-get install ffmpeg\n"
        "  pip install --no-deps --target extra torchcodec\n"
        "  PYTHONPATH=extra python benchmarks/decoding.py\n"
        "A cell reads: processor ms per clip (times that of OpenCV grab), wrong of all frames.",
    )
    parser.add_argument("--clips", type=int, default=24, help="talking-head clips")
    parser.add_argument("--frames", type=int, default=16, help="evenly spaced frames per clip")
    parser.add_argument("--seconds", type=int, default=20, help="of each long clip; 0 for none")
    parser.add_argument("--repeats", type=int, default=2, help="timings per clip, fastest counts")
    parser.add_argument("--only", default="", help="only readers with this in their name")
    return parser.parse_args()


def main() -> int:
    """Measure and print."""
    cv2.setNumThreads(1)
    args = arguments()
    if is_missing(args.bench, "talking_heads"):
        return 2
    readers = ready(args.only)
    groups = [Group("talking heads", talking_heads(args.bench, args.clips))]
    with tempfile.TemporaryDirectory() as folder:
        largest = max(listed(args.bench, "talking_heads"), key=lambda path: path.stat().st_size)
        for height, gop in [(720, 250), (720, 48), (1080, 250), (1080, 48)] if args.seconds else []:
            path = Path(folder) / f"{height}_{gop}.mp4"
            print(f"encoding {args.seconds} s, {height} lines, GOP {gop} ...", file=sys.stderr)
            encode_long(largest, path, height, gop, args.seconds)
            groups.append(Group(f"{height} lines, GOP {gop}", [path]))
        columns = [measure(readers, group, args.frames, args.repeats) for group in groups]
    rows = []
    for name in readers:
        cells = [
            f"{found[name][0]:.0f} ({found[name][0] / found[BASE][0]:.2f}x), {found[name][1]}"
            f"/{args.frames * len(group.paths)}"
            for group, found in zip(groups, columns, strict=True)
        ]
        rows.append([name, *cells])
    print(table(["reader", *(f"{g.name} ({len(g.paths)})" for g in groups)], rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
