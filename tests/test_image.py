"""Images: colours, orientation and chroma survive, broken bytes are an error."""

import io

import numpy as np
import pytest
from PIL import Image as Pil

from deepfake.image import decode_image, encode_jpeg


def encoded(image: Pil.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_jpeg_keeps_colours_and_size() -> None:
    image = np.zeros((24, 40, 3), np.uint8)
    image[:, :20] = (250, 20, 40)
    image[:, 20:] = (10, 60, 200)
    found = decode_image(encode_jpeg(image, 95))
    assert found.shape == (24, 40, 3)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - image).max() <= 8


def test_jpeg_has_full_chroma() -> None:
    """Pillow reads the sampling factors: 0 is 4:4:4."""
    image = np.zeros((16, 16, 3), np.uint8)
    with Pil.open(io.BytesIO(encode_jpeg(image, 50))) as found:
        assert [(layer[1], layer[2]) for layer in found.layer] == [(1, 1)] * 3


def test_quality_changes_the_size_and_bytes_are_repeatable() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert len(encode_jpeg(image, 20)) < len(encode_jpeg(image, 95))
    assert encode_jpeg(image, 95) == encode_jpeg(image.copy(), 95)


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("RGB", (200, 10, 20), (200, 10, 20)),
        ("L", 77, (77, 77, 77)),
        ("RGBA", (200, 10, 20, 255), (200, 10, 20)),
        ("P", 0, (0, 0, 0)),
    ],
)
def test_every_png_becomes_rgb(mode: str, color: object, expected: tuple[int, int, int]) -> None:
    found = decode_image(encoded(Pil.new(mode, (5, 3), color), "PNG"))
    assert found.shape == (3, 5, 3)
    assert (found == expected).all()


def test_orientation_of_a_phone_is_followed() -> None:
    """EXIF orientation 6: the camera's left edge is the picture's top."""
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, :10] = 255
    exif = Pil.Exif()
    exif[0x0112] = 6
    data = encoded(Pil.fromarray(pixels), "JPEG", exif=exif, quality=95)
    found = decode_image(data)
    assert found.shape == (30, 10, 3)
    assert found[:8].min() > 200
    assert found[12:].max() < 50


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\xff\xd8\xff\xe0", encode_jpeg(np.zeros((9, 9, 3), np.uint8), 9)[:50]]
)
def test_bytes_that_are_no_image(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an image that can be decoded"):
        decode_image(data)
