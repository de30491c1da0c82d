"""The image type, and the JPEG codec of this project."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # height x width x 3, RGB, 0..255
Chroma = Literal["yuv444", "yuv422", "yuv420"]

_SAMPLING: dict[Chroma, int] = {
    "yuv444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "yuv422": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "yuv420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}

# Twice 8K video, and the largest photos of phones. An image of this size takes 200 MB as an array
# and up to 1.1 GB while it is decoded (measured). A file of a few kilobytes can claim a thousand
# times more.
MAX_PIXELS = 64 * 2**20
MAX_SIDE = 65_500  # pixels; the limit of libjpeg (JPEG_MAX_DIMENSION)


def encode_jpeg(image: Image, quality: int, chroma: Chroma) -> bytes:
    """Encode an RGB image as JPEG.

    Args:
        image: height x width x 3.
        quality: 1 to 100.
        chroma: resolution of the colours: full (4:4:4), half the columns (4:2:2), or half the
            columns and rows (4:2:0).

    Raises:
        ValueError: the image is empty, or a side is longer than `MAX_SIDE`.
    """
    height, width = image.shape[:2]
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise ValueError(f"{width} x {height} pixels: sides of a JPEG must be 1 to {MAX_SIDE}")
    settings = [
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SAMPLING[chroma]),
    ]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)
    return bytes(data)


def decode_image(data: bytes) -> Image:
    """Decode a JPEG that this project wrote; `video.image_file.read_image` reads those of users.

    Returns:
        RGB image, height x width x 3.

    Raises:
        ValueError: `data` is not an image that can be decoded.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise ValueError("not an image that can be decoded")
    rgb: Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb
