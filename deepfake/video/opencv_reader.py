"""Decode a video file with OpenCV, for the few that PyAV cannot read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from deepfake.core.image import Image
from deepfake.video.decoded import ChooseIndices, DecodedVideo, check_size, wanted_indices
from deepfake.video.record import OK, TRUNCATED

# Silences the FFmpeg in OpenCV (AV_LOG_QUIET), which reads this variable when the process opens its
# first video. PyAV's FFmpeg is silent by default.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def read_with_opencv(path: Path, choose: ChooseIndices) -> DecodedVideo | None:
    """Decode the whole file, twice if the header's frame count is wrong; None without any frame."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return None  # OpenCV crashes on names that are not UTF-8
    with _capture(path) as capture:
        if not capture.isOpened():
            return None
        claimed = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
        wanted = wanted_indices(choose, claimed)
        frames, count = _grab_frames(capture, wanted or [0])
    if count and count != claimed:
        wanted = wanted_indices(choose, count)
        with _capture(path) as capture:
            frames, count = _grab_frames(capture, wanted or [0])
    if not frames:
        return None
    height, width = next(iter(frames.values())).shape[:2]
    reason = f"{count} of {claimed} frames can be decoded" if count < claimed else ""
    return DecodedVideo(
        TRUNCATED if reason else OK,
        reason,
        frames=[frames[index] for index in wanted],
        indices=tuple(wanted),
        count=count,
        width=width,
        height=height,
        fps=round(fps, 3) if np.isfinite(fps) and fps > 0 else 0.0,
        codec=codec.decode("latin-1").strip("\0 "),
    )


@contextmanager
def _capture(path: Path) -> Iterator[cv2.VideoCapture]:
    """OpenCV's reader, silent and with one thread; it rotates frames as the file's metadata says.

    Raises:
        DecodingError: the frames are too large.
    """
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        sides = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT
        check_size(*(int(capture.get(side)) for side in sides))
        yield capture
    finally:
        capture.release()
        cv2.utils.logging.setLogLevel(level)


def _grab_frames(capture: cv2.VideoCapture, wanted: list[int]) -> tuple[dict[int, Image], int]:
    """The frames at the indices `wanted`, and the number of all frames."""
    frames: dict[int, Image] = {}
    keep, count = set(wanted), 0
    while capture.grab():
        if count in keep:
            decoded, frame = capture.retrieve()
            if not decoded:
                break
            frames[count] = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        count += 1
    return frames, count
