"""Read image files of users: many formats, rotated, truncated, damaged, or not images at all."""

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
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from deepfake.core.image import MAX_PIXELS, MAX_SIDE, Image
from deepfake.core.media import IMAGE_BRANDS, JXL_MAGICS

# The first bytes of a file, and its decoder. Other decoders of Pillow are never used, in particular
# those that start programs (EPS starts Ghostscript). MPO files begin like any JPEG.
_DECODERS: tuple[tuple[tuple[bytes, ...], Callable[[io.BytesIO], ImageFile]], ...] = (
    ((b"\xff\xd8\xff",), jpeg_factory),
    ((b"\x89PNG\r\n\x1a\n",), PngImageFile),
    ((b"RIFF",), WebPImageFile),
    ((b"BM",), BmpImageFile),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), TiffImageFile),
    ((b"GIF87a", b"GIF89a"), GifImageFile),
    ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), PpmImageFile),
)
_FTYP = slice(4, 8)  # bytes of AVIF and HEIF, followed by the brand
_AVIF = b"avif"
# Exceptions that Pillow's decoders raise on damaged files; found by mutating files.
_DECODER_ERRORS = (
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
class DecodedImage:
    """The image in an image file.

    Attributes:
        image: height x width x 3, RGB, 0..255, upright.
        truncated: some pixels could not be decoded and have a fill value.
        note: what the user should know about the image; "" if nothing.
    """

    image: Image
    truncated: bool
    note: str


def read_image(data: bytes) -> DecodedImage:
    """Read an image file of a user: JPEG, PNG, WebP, BMP, TIFF, GIF, PNM, HEIC or AVIF.

    The image is rotated as its EXIF record says, transparency becomes black, and 16 bits are scaled
    to 8. Of several images the first is read. Colour profiles are not applied. A truncated file
    gives the part that can be decoded.

    Raises:
        ValueError: the file has no image that can be decoded, or is larger than MAX_PIXELS or
            MAX_SIDE.
    """
    if not data:
        raise ValueError("empty file")
    with _strict():
        return _read(data)


@contextmanager
def _strict() -> Iterator[None]:
    """Let Pillow raise errors for truncated files, which importing face_recognition turns off."""
    before = PillowFile.LOAD_TRUNCATED_IMAGES
    PillowFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        PillowFile.LOAD_TRUNCATED_IMAGES = before


def _read(data: bytes) -> DecodedImage:
    picture = _open(data)
    complete = _load(picture)
    if not complete and data.startswith(b"\xff\xd8"):
        # libjpeg gives the decoded part of a progressive JPEG only if the file has an end marker.
        picture = _open(data + _JPEG_END)
        _load(picture)
    image = _upright(_to_rgb(picture), picture)
    if not complete and _is_empty(image):
        raise ValueError("cut before its first pixels")
    damage = "" if complete else "cut short or damaged: a part of the picture is missing"
    note = "; ".join(filter(None, (damage, _frames_note(data))))
    return DecodedImage(np.ascontiguousarray(image), not complete, note)


def _open(data: bytes) -> ImageFile:
    """Read the header of the image and check its size, without decoding pixels."""
    if data.startswith(JXL_MAGICS):  # the decoders for Python are under the GPL
        raise ValueError("JPEG XL is not supported: save it as JPEG or PNG")
    decoder = _decoder(data)
    if decoder is None:
        raise ValueError(_NO_IMAGE)
    try:
        picture = decoder(io.BytesIO(data))
    except Pil.DecompressionBombError as error:
        raise ValueError(f"too many pixels, at most {MAX_PIXELS} allowed") from error
    except _DECODER_ERRORS as error:
        raise ValueError(_NO_IMAGE) from error
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels, at most {MAX_PIXELS} allowed")
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"{width} x {height} pixels, at most {MAX_SIDE} allowed on a side")
    return picture


def _decoder(data: bytes) -> Callable[[io.BytesIO], ImageFile] | None:
    if data[_FTYP] == b"ftyp" and data[8:12] in IMAGE_BRANDS:
        # Of brands that both may have, the list of compatible ones tells.
        box = data[8 : int.from_bytes(data[:4], "big")]
        return AvifImageFile if _AVIF in box else HeifImageFile
    return next((decoder for start, decoder in _DECODERS if data.startswith(start)), None)


def _load(picture: ImageFile) -> bool:
    """Decode the pixels; False if only a part of them can be decoded, and the others are 0."""
    try:
        picture.load()
    except _DECODER_ERRORS:
        picture.tile = []  # no tile is left to decode, so the next call keeps the decoded part
        try:
            picture.load()
        except _DECODER_ERRORS as error:
            raise ValueError(_NO_IMAGE) from error
        return False
    return True


def _to_rgb(picture: ImageFile) -> Image:
    """RGB pixels of an image in any colour mode, in the stored orientation."""
    mode = picture.mode
    image: Pil.Image = picture
    if mode.startswith("I;16") or (mode == "I" and picture.format == "PPM"):  # both 0..65535
        # The upper byte, as Pillow does for 16-bit colours. Its conversion of grey clips at 255.
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if mode in ("I", "F"):
        raise ValueError("32-bit pixels: their value range is unknown")
    if mode == "CMYK" and picture.format in ("JPEG", "MPO") and "adobe" not in picture.info:
        # Only Adobe inverts CMYK values, but Pillow assumes it for every JPEG.
        image = ImageChops.invert(image)
    try:
        if image.has_transparency_data:
            image = image.convert("RGBA")
            black = Pil.new("RGB", image.size)
            black.paste(image, mask=image)
            return np.array(black)
        return np.array(image if mode == "RGB" else image.convert("RGB"))
    except _DECODER_ERRORS as error:
        raise ValueError(f"no conversion from {mode} to RGB") from error


def _upright(image: Image, picture: ImageFile) -> Image:
    """The image rotated as its EXIF record says; unchanged if the record is invalid."""
    try:
        orientation = picture.getexif().get(_ORIENTATION)
    except _DECODER_ERRORS:
        return image
    if orientation in (5, 6, 7, 8):  # rows are stored as columns
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def _is_empty(image: Image) -> bool:
    """Whether a truncated image has only fill values.

    They then reach a corner, so nearly all pixels equal one of the corners. Not all pixels: at the
    end of a JPEG, libjpeg makes up one block.
    """
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]
    step = max(1, min(image.shape[:2]) // 500)  # a few hundred rows and columns suffice
    sample = image[::step, ::step]
    return any((sample == corner).all(axis=2).mean() > 0.99 for corner in corners)


def _frames_note(data: bytes) -> str:
    """A note if the file has several images; "" if it has one, or if they cannot be counted.

    The file is opened again, because Pillow counts the frames of a GIF by reading all of them.
    """
    try:
        picture = _open(data)
        if picture.format == "TIFF":  # counting takes time quadratic in the number of pages
            return "first of several pages" if getattr(picture, "is_animated", False) else ""
        frames = getattr(picture, "n_frames", 1)
    except _DECODER_ERRORS:
        return ""
    return f"first of {frames} frames" if frames > 1 else ""
