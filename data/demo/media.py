"""Reading source media and writing clips: one path for REAL and FAKE.

Images are uint8 BGR (height, width, 3).
"""

import itertools
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from plan import DRIFT, FPS, FRAMES, Clip, Region, unit

Image = NDArray[np.uint8]

# Visually clean, like a first upload; the pipeline's own robustness stage compresses harder. One
# thread, as the number of threads changes the bytes; a fixed preset for the same reason. Without
# cpu-independent, x264's code for AVX-512 gives other bytes from run to run.
ENCODER = {
    "crf": "21",
    "preset": "veryfast",
    "threads": "1",
    "x264-params": "cpu-independent=1",
}


class MediaError(RuntimeError):
    """A source file cannot be read, or is shorter than the plan says."""


def read_images(clip: Clip, downloads: Path) -> list[Image]:
    """Images of a clip before any swap: all photos, or the `FRAMES` frames of its window.

    Video frames and ORL photos have the clip's size; a photo with a region keeps its own.

    Raises:
        MediaError: a file is unreadable or ends before the window does.
    """
    if clip.start is not None:
        return [
            resize(frame, clip.size) for frame in _window(downloads / clip.media[0], clip.start)
        ]
    photos = []
    for name in clip.media:
        photo = cv2.imread(str(downloads / name), cv2.IMREAD_COLOR)
        if photo is None:
            raise MediaError(f"{name}: not a readable image; run the download stage again")
        photos.append(photo if clip.region else resize(photo, clip.size))
    return photos


def _window(path: Path, start: float) -> list[Image]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 0)
        wanted = [round((start + index / FPS) * rate) for index in range(FRAMES)]
        picked = {
            index: frame.to_ndarray(format="bgr24")
            for index, frame in zip(range(wanted[-1] + 1), container.decode(stream), strict=False)
            if index in set(wanted)
        }
    if wanted[-1] not in picked:
        raise MediaError(f"{path.name}: ends before the window at {start} s does")
    return [picked[index] for index in wanted]


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Resize to (width, height): area averaging down, cubic up."""
    shrinks = image.shape[1] > size[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def render(clip: Clip, images: list[Image]) -> list[Image]:
    """The `FRAMES` frames of a clip; photos share the time and are filmed by a drifting camera."""
    if clip.start is not None:
        frames = images
    else:
        held = [images[index * len(images) // FRAMES] for index in range(FRAMES)]
        frames = [_film(clip, photo, index / (FRAMES - 1)) for index, photo in enumerate(held)]
    if not clip.grey:
        return frames
    # Interpolation and colour transfer round: keep a grey source exactly grey.
    grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames]
    return [np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), np.uint8) for frame in grey]


def camera(clip: Clip, full: Region, time: float) -> tuple[float, float, float]:
    """Left, top and relative size of the view at a time in 0..1, inside `full`.

    The move depends on identity and number alone: a fake is filmed like its original.
    """

    def between(name: str) -> float:
        first, last = (unit(clip.identity, clip.number, name, end) for end in ("first", "last"))
        return first + (last - first) * time

    part = 1 - DRIFT * between("zoom")
    left = full.x + full.width * (1 - part) * between("x")
    top = full.y + full.height * (1 - part) * between("y")
    return left, top, part


def _film(clip: Clip, photo: Image, time: float) -> Image:
    full = clip.region or Region(0, 0, photo.shape[1], photo.shape[0])
    left, top, part = camera(clip, full, time)
    width, height = clip.size
    # Pixel centres lie at half coordinates.
    step_x, step_y = part * full.width / width, part * full.height / height
    back = np.array(
        [[step_x, 0, left + step_x / 2 - 0.5], [0, step_y, top + step_y / 2 - 0.5]], np.float64
    )
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    filmed = cv2.warpAffine(photo, back, clip.size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(filmed, np.uint8)


def encode(frames: list[Image], path: Path) -> None:
    """Write H.264 in MP4, atomically and with the same bytes for the same frames.

    The bit-exact flags leave out the muxer's version and the time of writing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".writing-{path.name}")
    flags = {"fflags": "+bitexact", "movflags": "+faststart"}
    with av.open(str(temporary), "w", format="mp4", options=flags) as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options=ENCODER)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    temporary.replace(path)


def frame_at(path: Path, index: int) -> Image:
    """One frame of a clip, counted from 0.

    Raises:
        MediaError: the clip has no such frame.
    """
    with av.open(str(path)) as container:
        for frame in itertools.islice(container.decode(video=0), index, None):
            return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    raise MediaError(f"{path.name}: no frame {index}")
