"""Decoded frames are upright and have the colours of their file."""

import struct
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clips import patched, sequential

from deepfake.core.image import Image
from deepfake.video.decoding import decode_video


def with_matrix(source: Path, path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A copy of an MP4 file with another display matrix a, b, c, d in its header."""
    a, b, c, d = (value << 16 for value in matrix)
    at = source.read_bytes().index(b"tkhd") + 4 + 40
    return patched(source, path, at, struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30))


def transformed(image: Image, matrix: tuple[int, int, int, int]) -> Image:
    """The image with every pixel (x, y) moved to (a x + c y, b x + d y)."""
    a, b, c, d = matrix
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    right, down = a * x + c * y, b * x + d * y
    right, down = right - right.min(), down - down.min()
    result = np.zeros((down.max() + 1, right.max() + 1, 3), np.uint8)
    result[down, right] = image
    return result


@pytest.fixture(scope="module")
def asymmetric_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 64 x 48 that differs from itself in every rotation and mirroring."""
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    picture = np.full((48, 64, 3), 40, np.uint8)
    picture[:8, :24], picture[8:32, :8] = (220, 60, 60), (60, 60, 220)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return path


ROTATIONS = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]
MIRRORS = [(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)]


@pytest.mark.parametrize("matrix", ROTATIONS + MIRRORS)
def test_frames_are_upright(
    asymmetric_clip: Path, tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    path = with_matrix(asymmetric_clip, tmp_path / "rotated.mp4", matrix)
    video = decode_video(path, lambda _: [1])
    expected = transformed(sequential(asymmetric_clip)[1], matrix)
    assert np.array_equal(video.frames[0], expected)
    assert (video.height, video.width) == expected.shape[:2]
    assert video.frames[0].flags.c_contiguous
    if matrix in ROTATIONS:  # OpenCV does not mirror
        other = cv2.cvtColor(cv2.VideoCapture(str(path)).read()[1], cv2.COLOR_BGR2RGB)
        assert np.abs(other.astype(int) - expected).mean() < 3


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (210, 150, 120), (255, 255, 255), (0, 0, 0)]
BT601, BT709, BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)  # kr, kb
UNSPECIFIED, LIMITED, FULL = 0, 1, 2


def coded(colour: tuple[int, int, int], weights: tuple[float, float], full: bool) -> list[int]:
    """Y, Cb, Cr of a colour in 8 bits (ITU-T H.273)."""
    kr, kb = weights
    red, green, blue = (value / 255 for value in colour)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = [(blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)]
    low, luma_range, chroma_range = (0, 255, 255) if full else (16, 219, 224)
    values = [low + luma_range * luma, *(128 + chroma_range * value for value in chroma)]
    return [min(round(value), 255) for value in values]


def colour_clip(path: Path, codec: str, pix_fmt: str, height: int, tags: tuple[int, int], planes: list[list[int]]) -> Path:  # fmt: skip
    """A frame of columns of 16 pixels with the samples `planes[i]`; `tags` are matrix and range."""
    with av.open(str(path), "w") as output:
        options = {"libx264": {"qp": "0"}, "libvpx-vp9": {"lossless": "1", "cpu-used": "8"}}
        stream = output.add_stream(codec, rate=25, options=options.get(codec, {}))
        stream.width, stream.height, stream.pix_fmt = 16 * len(planes), height, pix_fmt
        stream.codec_context.colorspace, stream.codec_context.color_range = tags
        frame = av.VideoFrame(stream.width, height, pix_fmt)
        frame.colorspace, frame.color_range = tags
        for number, plane in enumerate(frame.planes):
            row = np.repeat([column[number] for column in planes], 16 if number == 0 else 8)
            rows = np.zeros((plane.height, plane.line_size), np.uint8)
            rows[:, : len(row)] = row
            plane.update(rows)
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "height", "matrix", "range_", "weights", "full"),
    [
        ("libx264", "yuv420p", 64, 2, UNSPECIFIED, BT601, False),
        ("libx264", "yuv420p", 718, 2, UNSPECIFIED, BT601, False),
        ("libx264", "yuv420p", 720, 2, UNSPECIFIED, BT709, False),
        ("libx264", "yuv420p", 64, 1, LIMITED, BT709, False),
        ("libx264", "yuv420p", 720, 6, LIMITED, BT601, False),
        ("libx264", "yuv420p", 720, 5, LIMITED, BT601, False),
        ("libx264", "yuv420p", 64, 9, LIMITED, BT2020, False),
        ("libx264", "yuv420p", 64, 1, FULL, BT709, True),
        ("libx264", "yuv420p", 64, 2, FULL, BT601, True),
        ("libx264", "yuvj420p", 64, 6, FULL, BT601, True),
        ("libvpx-vp9", "yuv420p", 64, 1, LIMITED, BT709, False),
        ("mjpeg", "yuvj420p", 64, 5, FULL, BT601, True),
    ],
)
def test_colours(
    tmp_path: Path,
    codec: str,
    pix_fmt: str,
    height: int,
    matrix: int,
    range_: int,
    weights: tuple[float, float],
    full: bool,
) -> None:
    planes = [coded(colour, weights, full) for colour in COLOURS]
    path = colour_clip(tmp_path / "a.mkv", codec, pix_fmt, height, (matrix, range_), planes)
    image = decode_video(path, lambda _: [0]).frames[0]
    colours = image[height // 2, 8::16].astype(int)
    assert np.abs(colours - COLOURS).max() <= 4, colours.tolist()
