"""Images in memory and as encoded bytes."""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # height x width x 3, RGB, 0..255


def encode_jpeg(image: Image, quality: int) -> bytes:
    """JPEG of an RGB image at `quality` 1..100, full chroma resolution (4:4:4)."""
    full_chroma = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, full_chroma]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)
    return bytes(data)


def decode_image(data: bytes) -> Image:
    """RGB image of an encoded image, turned as its EXIF record asks.

    Raises:
        ValueError: the bytes are not an image that can be decoded.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise ValueError("not an image that can be decoded")
    rgb: Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb
