"""JPEGs that this project writes and reads: colours, chroma and sizes survive."""

import numpy as np
import pytest
from pictures import BLUE, RED, near, noise, picture

from deepfake.core.image import MAX_SIDE, Chroma, decode_image, encode_jpeg


def sampling_factors(jpeg: bytes) -> list[tuple[int, int]]:
    """Horizontal and vertical factor of Y, Cb and Cr, from the start-of-frame header."""
    start = jpeg.index(b"\xff\xc0") + 11
    return [divmod(jpeg[start + 3 * component], 16) for component in range(3)]


@pytest.mark.parametrize("chroma", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_keeps_colours_and_size(chroma: Chroma) -> None:
    found = decode_image(encode_jpeg(np.asarray(picture()), 95, chroma))
    assert found.shape == (24, 32, 3)
    assert found.dtype == np.uint8
    assert near(found[:, :12], RED)  # half the columns mix the colours where they meet
    assert near(found[:, 20:], BLUE)


@pytest.mark.parametrize(
    ("chroma", "factors"), [("4:4:4", (1, 1)), ("4:2:2", (2, 1)), ("4:2:0", (2, 2))]
)
@pytest.mark.parametrize("quality", [10, 50, 100])
def test_jpeg_has_the_chroma_asked_for(
    quality: int, chroma: Chroma, factors: tuple[int, int]
) -> None:
    found = sampling_factors(encode_jpeg(np.asarray(picture()), quality, chroma))
    assert found == [factors, (1, 1), (1, 1)]


def test_quality_changes_the_size_and_bytes_are_repeatable() -> None:
    image = np.asarray(noise())
    assert len(encode_jpeg(image, 20, "4:4:4")) < len(encode_jpeg(image, 95, "4:4:4"))
    assert encode_jpeg(image, 95, "4:2:0") == encode_jpeg(image.copy(), 95, "4:2:0")


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (MAX_SIDE + 1, 1, 3)])
def test_sizes_that_no_jpeg_has(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="a side of a JPEG has 1 to 65500"):
        encode_jpeg(np.zeros(shape, np.uint8), 90, "4:4:4")


def test_longest_side_of_a_jpeg() -> None:
    image = np.zeros((1, MAX_SIDE, 3), np.uint8)
    assert decode_image(encode_jpeg(image, 90, "4:4:4")).shape == image.shape


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"\xff\xd8\xff\xe0",
        encode_jpeg(np.zeros((9, 9, 3), np.uint8), 9, "4:4:4")[:50],
    ],
)
def test_bytes_that_are_no_jpeg(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an image that can be decoded"):
        decode_image(data)
