"""RGB pixels of a decoded frame, with the colour matrix and rotation of its file."""

import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import Type
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from deepfake.core.image import Image

# Colour matrix by FFmpeg's AVColorSpace of the frame.
MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
HD_HEIGHT = 720  # pixels; without a colour matrix, such frames use BT.709 and smaller ones BT.601


def upright_rgb(frame: VideoFrame) -> Image:
    """RGB image of a decoded frame, upright, by the colour matrix and range in its metadata.

    Without a colour matrix, frames lower than `HD_HEIGHT` use BT.601, others BT.709.

    Raises:
        FFmpegError, ValueError: the pixel format cannot be converted.
    """
    default = Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601
    matrix = MATRICES.get(frame.colorspace, default)
    image: Image = frame.to_ndarray(format="rgb24", src_colorspace=matrix, threads=1)
    display_matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if display_matrix is not None:
        image = _rotated(image, np.frombuffer(display_matrix, np.int32))
    return np.ascontiguousarray(image)


def _rotated(image: Image, matrix: NDArray[np.int32]) -> Image:
    """Rotate and mirror by a display matrix (a, b, 0, c, d, 0, ...): x' = a x + c y, y' = b x + d y.

    Angles are rounded to multiples of 90 degrees.
    """
    a, b, _, c, d = (int(value) for value in matrix[:5])
    right, down = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, right, down = image.transpose(1, 0, 2), c, b
    return image[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]
