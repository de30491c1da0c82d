"""What a player shows of a file: its default track; colours, pixel shape and rotation of a frame."""

from typing import Any

import cv2
import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import Type
from av.stream import Disposition
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.video import hdr

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
MAX_PIXEL_ASPECT = 4  # a wider or higher pixel is taken for an error
HD_HEIGHT = 720  # pixels; without a colour matrix, such frames use BT.709 and smaller ones BT.601


def displayed_rgb(frame: VideoFrame, pixel_aspect: float = 1) -> Image:
    """RGB image of a decoded frame as a player shows it, by the metadata of its file.

    That is by its colour matrix and range, in SDR, with square pixels, and upright. Without a colour
    matrix, frames lower than `HD_HEIGHT` use BT.601, others BT.709.

    Args:
        frame: as decoded.
        pixel_aspect: width of a pixel over its height, as `pixel_aspect_of` gives it.

    Raises:
        FFmpegError, ValueError: the pixel format cannot be converted.
    """
    default = Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601
    matrix = MATRICES.get(frame.colorspace, default)
    if frame.color_trc in (hdr.PQ, hdr.HLG):
        signal = frame.to_ndarray(format="rgb48le", src_colorspace=matrix, threads=1)
        image = hdr.to_sdr(signal, int(frame.color_trc), int(frame.color_primaries))
    else:
        image = frame.to_ndarray(format="rgb24", src_colorspace=matrix, threads=1)
    if pixel_aspect != 1:
        width = max(1, round(frame.width * pixel_aspect))
        image = np.asarray(cv2.resize(image, (width, frame.height), interpolation=cv2.INTER_AREA))
    display_matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if display_matrix is not None:
        image = _rotated(image, np.frombuffer(display_matrix, np.int32))
    return np.ascontiguousarray(image)


def displayed_stream(container: Any) -> Any:
    """The video track that a player shows: the default one, else the first; None without one.

    A cover picture is no track.
    """
    pictures = Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & pictures]
    default = [s for s in streams if s.disposition & Disposition.default]
    return next(iter(default or streams), None)


def pixel_aspect_of(stream: Any) -> float:
    """Width of a video stream's pixels over their height; 1 if unknown or beyond belief."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 1 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT else 1.0


def _rotated(image: Image, matrix: NDArray[np.int32]) -> Image:
    """Rotate and mirror by a display matrix (a, b, 0, c, d, 0, ...): x' = a x + c y, y' = b x + d y.

    Angles are rounded to multiples of 90 degrees.
    """
    a, b, _, c, d = (int(value) for value in matrix[:5])
    right, down = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, right, down = image.transpose(1, 0, 2), c, b
    return image[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]
