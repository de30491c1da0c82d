"""Images as users bring them: of many kinds, turned, cut short, or not images at all."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pil
from PIL import ImageChops
from PIL import ImageFile as PillowFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from deepfake.core.image import MAX_PIXELS, MAX_SIDE, Image

# What a file may begin with, and its decoder. No other decoder can be reached, above all not those
# that start programs (EPS starts Ghostscript). A JPEG of several pictures (MPO) begins as any JPEG.
_DECODERS: tuple[tuple[tuple[bytes, ...], Callable[[io.BytesIO], ImageFile]], ...] = (
    ((b"\xff\xd8\xff",), jpeg_factory),
    ((b"\x89PNG\r\n\x1a\n",), PngImageFile),
    ((b"RIFF",), WebPImageFile),
    ((b"BM",), BmpImageFile),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), TiffImageFile),
    ((b"GIF87a", b"GIF89a"), GifImageFile),
    ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), PpmImageFile),
)
# What decoders of Pillow, which are largely Python, raise on broken files; found by mutating them.
_BROKEN = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    MemoryError,
    struct.error,
    zlib.error,
)
_NO_IMAGE = "not an image that can be decoded"
_JPEG_END = b"\xff\xd9"
_ORIENTATION = 0x0112  # EXIF tag


@dataclass(frozen=True)
class StillImage:
    """A picture that a user brought.

    Attributes:
        image: upright, H x W x 3, RGB, 0..255.
        truncated: a part of the pixels could not be decoded; what stands there is a filling.
        note: what a reader of the verdict should know about the picture, else "".
    """

    image: Image
    truncated: bool
    note: str


def read_image(data: bytes) -> StillImage:
    """The picture in an image file that a user brought: JPEG, PNG, WebP, BMP, TIFF, GIF or PNM.

    It is turned upright as its EXIF record asks, what is transparent becomes black, 16 bits become
    8 by scaling, of several pictures the first is taken. Colour profiles are not applied. A file
    that is cut gives what can be decoded.

    Raises:
        ValueError: there is no picture in it, or a larger one than MAX_PIXELS and MAX_SIDE allow.
    """
    if not data:
        raise ValueError("empty file")
    with _strict():
        return _read(data)


@contextmanager
def _strict() -> Iterator[None]:
    """Have Pillow tell of truncated files; importing face_recognition makes it pass them over."""
    before = PillowFile.LOAD_TRUNCATED_IMAGES
    PillowFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        PillowFile.LOAD_TRUNCATED_IMAGES = before


def _read(data: bytes) -> StillImage:
    picture = _open(data)
    whole = _load(picture)
    if not whole and data.startswith(b"\xff\xd8"):
        # With an end libjpeg gives all it has, else nothing of a progressive JPEG.
        picture = _open(data + _JPEG_END)
        _load(picture)
    image = _upright(_to_rgb(picture), picture)
    if not whole and _is_empty(image):
        raise ValueError("cut before its first pixels")
    cut = "" if whole else "cut short or damaged: a part of the picture is missing"
    note = "; ".join(filter(None, (cut, _frames_note(data))))
    return StillImage(np.ascontiguousarray(image), not whole, note)


def _open(data: bytes) -> ImageFile:
    """The decoder of the picture, its header read and its size checked, but no pixel decoded."""
    decoder = next((decoder for begins, decoder in _DECODERS if data.startswith(begins)), None)
    if decoder is None:
        raise ValueError(_NO_IMAGE)
    try:
        picture = decoder(io.BytesIO(data))
    except Pil.DecompressionBombError as error:
        raise ValueError(f"too many pixels, at most {MAX_PIXELS} allowed") from error
    except _BROKEN as error:
        raise ValueError(_NO_IMAGE) from error
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels, at most {MAX_PIXELS} allowed")
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"{width} x {height} pixels, at most {MAX_SIDE} allowed on a side")
    return picture


def _load(picture: ImageFile) -> bool:
    """Decode the pixels; False where only a part of them could be, the rest of them is 0."""
    try:
        picture.load()
    except _BROKEN:
        picture.tile = []  # nothing is left to decode, so the next call gives what there is
        try:
            picture.load()
        except _BROKEN as error:
            raise ValueError(_NO_IMAGE) from error
        return False
    return True


def _to_rgb(picture: ImageFile) -> Image:
    """RGB of a picture of any kind, as it is stored."""
    mode = picture.mode
    image: Pil.Image = picture
    if mode.startswith("I;16") or (mode == "I" and picture.format == "PPM"):  # both 0..65535
        # The upper byte, as Pillow takes for 16-bit colours; its conversion would clip at 255.
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if mode in ("I", "F"):
        raise ValueError("32-bit pixels: their white is not known")
    if mode == "CMYK" and picture.format in ("JPEG", "MPO") and "adobe" not in picture.info:
        # Only Adobe stores the ink inverted, Pillow takes it so for every JPEG.
        image = ImageChops.invert(image)
    try:
        if image.has_transparency_data:
            image = image.convert("RGBA")
            black = Pil.new("RGB", image.size)
            black.paste(image, mask=image)
            return np.array(black)
        return np.array(image if mode == "RGB" else image.convert("RGB"))
    except _BROKEN as error:
        raise ValueError(f"no conversion from {mode} to RGB") from error


def _upright(image: Image, picture: ImageFile) -> Image:
    """The image as its EXIF record asks it to be shown; as it is where the record is broken."""
    try:
        orientation = picture.getexif().get(_ORIENTATION)
    except _BROKEN:
        return image
    if orientation in (5, 6, 7, 8):  # rows are stored as columns
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def _is_empty(image: Image) -> bool:
    """Whether a cut image is nothing but filling, which then reaches into a corner.

    Not all of it: from the end of a JPEG libjpeg decodes one block of its own.
    """
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]
    step = max(1, min(image.shape[:2]) // 500)  # a few hundred rows and columns tell
    sample = image[::step, ::step]
    return any((sample == corner).all(axis=2).mean() > 0.99 for corner in corners)


def _frames_note(data: bytes) -> str:
    """That there are more pictures in the file than the first, if they can be counted.

    The file is opened anew, because Pillow counts those of a GIF by going through them.
    """
    try:
        picture = _open(data)
        if picture.format == "TIFF":  # counting takes the square of the number of its pages
            return "first of several pages" if getattr(picture, "is_animated", False) else ""
        frames = getattr(picture, "n_frames", 1)
    except _BROKEN:
        return ""
    return f"first of {frames} frames" if frames > 1 else ""
