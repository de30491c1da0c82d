"""Tests of core/image.py: colours, chroma and sizes of JPEGs."""

import numpy as np
import pytest
from pictures import BLUE, RED, near, noise, picture

from deepfake.core.image import MAX_SIDE, Chroma, decode_image, encode_jpeg


def sampling_factors(jpeg: bytes) -> list[tuple[int, int]]:
    """Horizontal and vertical factor of Y, Cb and Cr, from the start-of-frame header."""
    start = jpeg.index(b"\xff\xc0") + 11
    return [divmod(jpeg[start + 3 * component], 16) for component in range(3)]


@pytest.mark.parametrize("chroma", ["yuv444", "yuv422", "yuv420"])
def test_jpeg_keeps_colours_and_size(chroma: Chroma) -> None:
    image = decode_image(encode_jpeg(np.asarray(picture()), 95, chroma))
    assert image.shape == (24, 32, 3)
    assert image.dtype == np.uint8
    assert near(image[:, :12], RED)  # subsampled chroma mixes the colours where they meet
    assert near(image[:, 20:], BLUE)


@pytest.mark.parametrize(
    ("chroma", "factors"), [("yuv444", (1, 1)), ("yuv422", (2, 1)), ("yuv420", (2, 2))]
)
@pytest.mark.parametrize("quality", [10, 50, 100])
def test_jpeg_has_the_requested_chroma(
    quality: int, chroma: Chroma, factors: tuple[int, int]
) -> None:
    jpeg = encode_jpeg(np.asarray(picture()), quality, chroma)
    assert sampling_factors(jpeg) == [factors, (1, 1), (1, 1)]


def test_quality_changes_the_size_and_bytes_are_reproducible() -> None:
    image = np.asarray(noise())
    assert len(encode_jpeg(image, 20, "yuv444")) < len(encode_jpeg(image, 95, "yuv444"))
    assert encode_jpeg(image, 95, "yuv420") == encode_jpeg(image.copy(), 95, "yuv420")


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (MAX_SIDE + 1, 1, 3)])
def test_sizes_that_jpeg_does_not_support(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="sides of a JPEG must be 1 to 65500"):
        encode_jpeg(np.zeros(shape, np.uint8), 90, "yuv444")


def test_the_longest_side_of_a_jpeg() -> None:
    image = np.zeros((1, MAX_SIDE, 3), np.uint8)
    assert decode_image(encode_jpeg(image, 90, "yuv444")).shape == image.shape


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"\xff\xd8\xff\xe0",
        encode_jpeg(np.zeros((9, 9, 3), np.uint8), 9, "yuv444")[:50],
    ],
)
def test_bytes_that_are_not_an_image(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an image that can be decoded"):
        decode_image(data)
