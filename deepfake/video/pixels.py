"""The pixels of a decoded frame as the file wants them shown: colours and rotation."""

import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import Type
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from deepfake.core.image import Image

# AVColorSpace of a frame -> the matrix that undoes it.
MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
HD_LINES = 720  # from here on a video that does not say is taken as BT.709, below as BT.601


def upright_rgb(frame: VideoFrame) -> Image:
    """RGB image of a decoded frame by its own matrix and range, turned as it asks.

    A frame that does not say its matrix is taken as BT.601 below 720 lines, as BT.709 from there on.

    Raises:
        FFmpegError, ValueError: there is no conversion from its pixel format.
    """
    default = Colorspace.ITU709 if frame.height >= HD_LINES else Colorspace.ITU601
    matrix = MATRICES.get(frame.colorspace, default)
    image: Image = frame.to_ndarray(format="rgb24", src_colorspace=matrix, threads=1)
    turn = frame.side_data.get(Type.DISPLAYMATRIX)
    if turn is not None:
        image = _turn(image, np.frombuffer(turn, np.int32))
    return np.ascontiguousarray(image)


def _turn(image: Image, matrix: NDArray[np.int32]) -> Image:
    """Turn and mirror by a display matrix: x' = a x + c y, y' = b x + d y (a, b, 0, c, d, 0, ...).

    Angles between the right ones go to the nearest of them.
    """
    a, b, _, c, d = (int(value) for value in matrix[:5])
    right, down = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, right, down = image.transpose(1, 0, 2), c, b
    return image[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]
