"""Image files of users: decodable images are read upright, others raise an error with a reason."""

import io
import struct
import subprocess
import tracemalloc
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pillow_heif
import pytest
from mutations import mutate
from pictures import BLUE, RED, near, noise, picture
from PIL import Image as Pil
from PIL import ImageFile

from deepfake.core.image import MAX_PIXELS, Image, decode_image, encode_jpeg
from deepfake.core.media import HEAD_BYTES, kind_by_content
from deepfake.video.image_file import read_image


def encoded(image: Pil.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG of unfiltered rows, for kinds and sizes that Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM"])
def test_every_format(kind: str) -> None:
    options = {"quality": 95} if kind in {"JPEG", "WEBP"} else {}
    decoded = read_image(encoded(picture(), kind, **options))
    assert (decoded.truncated, decoded.note) == (False, "")
    assert decoded.image.dtype == np.uint8
    assert decoded.image.flags["C_CONTIGUOUS"]
    assert decoded.image.flags["WRITEABLE"]
    assert decoded.image.shape == (24, 32, 3)
    assert near(decoded.image[:, :12], RED)
    assert near(decoded.image[:, 20:], BLUE)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_every_compression_of_tiff(compression: str) -> None:
    data = encoded(picture(), "TIFF", compression=compression)
    assert (read_image(data).image == np.asarray(picture())).all()


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("RGB", (200, 10, 20), (200, 10, 20)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("1", 0, (0, 0, 0)),
        ("RGBA", (200, 10, 20, 255), (200, 10, 20)),
        ("RGBA", (200, 100, 20, 128), (100, 50, 10)),
        ("RGBA", (200, 10, 20, 0), (0, 0, 0)),
        ("LA", (200, 128), (100, 100, 100)),
        ("P", 0, (0, 0, 0)),
    ],
)
def test_every_png_becomes_rgb_over_black(
    mode: str, color: object, expected: tuple[int, int, int]
) -> None:
    decoded = read_image(encoded(Pil.new(mode, (5, 3), color), "PNG"))
    assert decoded.image.shape == (3, 5, 3)
    assert near(decoded.image, expected, 1)


def test_palette_colours_and_their_transparency() -> None:
    image = picture().quantize(2)
    assert near(read_image(encoded(image, "PNG")).image, np.asarray(picture()), 1)
    red = image.getpixel((0, 0))
    decoded = read_image(encoded(image, "PNG", transparency=red)).image
    assert (decoded[:, :16] == 0).all()
    assert near(decoded[:, 16:], BLUE, 1)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    values = np.array([[0, 256, 1000, 32768, 65535]], np.uint16)
    for kind in ("PNG", "TIFF"):
        decoded = read_image(encoded(Pil.fromarray(values), kind)).image
        assert decoded.tolist() == [[[value] * 3 for value in (0, 1, 3, 128, 255)]]


def test_sixteen_bit_grey_pgm() -> None:
    values = np.array([0, 256, 32768, 65535], ">u2")
    decoded = read_image(b"P5 4 1 65535\n" + values.tobytes()).image
    assert decoded[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (6, 4)])
def test_sixteen_bit_colours_are_scaled_not_clipped(colour_type: int, channels: int) -> None:
    values = np.full((2, 2, 4), 65535, ">u2")
    values[0, 0, :3] = (300, 32768, 60000)
    rows = b"".join(b"\0" + row[:, :channels].tobytes() for row in values)
    decoded = read_image(png(2, 2, 16, colour_type, rows)).image
    assert decoded[0, 0].tolist() == [1, 128, 234]
    assert (decoded[1] == 255).all()


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_of_unknown_value_range(mode: str) -> None:
    with pytest.raises(ValueError, match="32-bit pixels"):
        read_image(encoded(Pil.new(mode, (4, 4), 1), "TIFF"))


def test_cmyk_of_adobe_is_stored_inverted() -> None:
    data = encoded(picture().convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    decoded = read_image(data).image
    assert near(decoded[:, :12], RED)
    assert near(decoded[:, 20:], BLUE)


def test_cmyk_of_other_programs_is_not() -> None:
    data = encoded(Pil.eval(picture().convert("CMYK"), lambda ink: 255 - ink), "JPEG", quality=95)
    marker = data.index(b"\xff\xee\0\x0eAdobe")
    decoded = read_image(data[:marker] + data[marker + 16 :]).image
    assert near(decoded[:, :12], RED)
    assert near(decoded[:, 20:], BLUE)


def test_cmyk_of_tiff() -> None:
    assert near(read_image(encoded(picture().convert("CMYK"), "TIFF")).image, picture(), 1)


# What a camera stores by orientation: the inverse of what a viewer does to show it upright.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: np.rot90(upright, 2),
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright),  # a viewer rotates it clockwise
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_is_applied(orientation: int, kind: str) -> None:
    """For JPEG, the result also equals OpenCV's."""
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = 255  # three corners differ, so all orientations differ
    upright[:16, 32:] = (255, 0, 0)
    stored = Pil.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    exif = Pil.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, kind, exif=exif, quality=95)
    decoded = read_image(data).image
    assert decoded.shape == upright.shape
    assert np.abs(decoded.astype(int) - upright).mean() < 4
    if kind == "JPEG":
        assert near(decoded, decode_image(data))


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_invalid_orientation_is_ignored(orientation: int) -> None:
    exif = Pil.Exif()
    exif[0x0112] = orientation
    assert near(read_image(encoded(picture(), "PNG", exif=exif)).image, picture())


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_invalid_exif_record_is_ignored() -> None:
    for record in (b"Exif\0\0MM\0*garbage", b"Exif\0\0neither", b"Exif\0\0"):
        decoded = read_image(encoded(picture(), "JPEG", exif=record, quality=95))
        assert decoded.image.shape == (24, 32, 3)
        assert not decoded.truncated


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "MPO"])
def test_first_of_several_frames(kind: str) -> None:
    rest = [Pil.new("RGB", (32, 24), (0, shade, 0)) for shade in (90, 200)]
    options = {"quality": 95} if kind in {"MPO", "WEBP"} else {}
    data = encoded(picture(), kind, save_all=True, append_images=rest, **options)
    decoded = read_image(data)
    assert (decoded.truncated, decoded.note) == (False, "first of 3 frames")
    assert near(decoded.image[:, :12], RED)
    assert near(decoded.image[:, 20:], BLUE)


def test_first_of_several_pages() -> None:
    data = encoded(picture(), "TIFF", save_all=True, append_images=[noise()])
    decoded = read_image(data)
    assert decoded.note == "first of several pages"
    assert (decoded.image == np.asarray(picture())).all()


def test_gif_truncated_in_its_second_frame() -> None:
    data = encoded(picture(), "GIF", save_all=True, append_images=[noise(24, 32)])
    for missing in range(1, 700, 37):
        decoded = read_image(data[:-missing])
        assert near(decoded.image[:, :12], RED)
        assert not decoded.truncated


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("BMP", {}),
        ("GIF", {}),
        ("TIFF", {}),
        ("PPM", {}),
    ],
)
def test_truncated_file_gives_its_decodable_part(kind: str, options: dict[str, object]) -> None:
    """Progressive JPEGs lose detail, all others lose rows at one end."""
    whole = encoded(noise(), kind, **options)
    full = read_image(whole).image
    decoded = read_image(whole[: len(whole) * 6 // 10])
    assert decoded.truncated
    assert decoded.note == "cut short or damaged: a part of the picture is missing"
    assert decoded.image.shape == full.shape
    same = (np.abs(decoded.image.astype(int) - full) < 3).all(axis=(1, 2)).mean()
    if options:
        assert np.corrcoef(decoded.image.ravel(), full.ravel())[0, 1] > 0.3
    else:
        assert 0.4 < same < 0.7


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_file_truncated_after_its_header(kind: str) -> None:
    whole = encoded(noise(240, 320), kind)
    start = whole.index(b"\xff\xda") + 14 if kind == "JPEG" else whole.index(b"IDAT") + 6
    with pytest.raises(ValueError, match="cut before its first pixels"):
        read_image(whole[:start])


def outcome(data: bytes) -> str:
    """The size of the image, or the reason why it cannot be read."""
    try:
        height, width, _ = read_image(data).image.shape
    except ValueError as error:
        return str(error)
    return f"{height} x {width}"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Truncated File")
def test_file_truncated_anywhere_is_read_or_rejected() -> None:
    for kind in ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM"):
        whole = encoded(noise(24, 32), kind)
        assert {outcome(whole[:length]) for length in range(0, len(whole), 7)} <= {
            "24 x 32",
            "empty file",
            "not an image that can be decoded",
            "cut before its first pixels",
        }


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(20_000, 20_000, 8, 2, b"\0" * 10_000_000), "20000 x 20000"),
        (png(2_000_000_000, 2_000_000_000, 8, 2, b""), "2000000000 x 2000000000"),
        (png(8193, 8192, 1, 0, b""), "8193 x 8192"),
        (b"GIF89a\x20\x4e\x20\x4e" + encoded(picture(), "GIF")[10:], "20000 x 20000"),
        (b"P6 20000 20000 255\n", "20000 x 20000"),
    ],
    ids=["bomb", "largest", "just over", "gif", "ppm"],
)
def test_large_claimed_size_is_rejected_before_decoding(data: bytes, size: str) -> None:
    assert len(data) < 100_000
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"^{size} pixels, at most {MAX_PIXELS} allowed$"):
        read_image(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_gif_frame_larger_than_its_screen_is_rejected() -> None:
    data = bytearray(encoded(picture(), "GIF"))
    frame = data.index(b",\0\0\0\0\x20\0\x18\0")
    data[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(ValueError, match=f"^too many pixels, at most {MAX_PIXELS} allowed$"):
        read_image(bytes(data))


def test_side_too_long_for_jpeg_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"^70000 x 1 pixels, at most 65500 allowed on a side$"):
        read_image(png(70_000, 1, 8, 0, b"\0" * 70_001))


def test_largest_image_is_read() -> None:
    assert MAX_PIXELS == 8192 * 8192
    decoded = read_image(png(8192, 8192, 1, 0, (b"\0" + b"\xff" * 1024) * 8192))
    assert decoded.image.shape == (8192, 8192, 3)
    assert decoded.image[::999, ::999].min() == 255


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"text", "not an image that can be decoded"),
        (b"\xff\xd8\xff", "not an image that can be decoded"),
        (b"\x89PNG\r\n\x1a\n", "not an image that can be decoded"),
        (b"GIF89a", "not an image that can be decoded"),
        (b"BM", "not an image that can be decoded"),
        (b"\xff\x0a\xfa", "JPEG XL is not supported: save it as JPEG or PNG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL is not supported: save it as JPEG or PNG"),
        (b"II*\0", "not an image that can be decoded"),
        (b"P6", "not an image that can be decoded"),
        (b"RIFF\0\0\1\0AVI LIST", "not an image that can be decoded"),
        (b"PK\3\4" + b"\0" * 60, "not an image that can be decoded"),
        (encoded(picture(), "TGA"), "not an image that can be decoded"),
        (encoded(picture(), "ICO"), "not an image that can be decoded"),
        (png(0, 5, 8, 0, b""), "not an image that can be decoded"),
        (encoded(picture(), "WEBP")[:-40], "not an image that can be decoded"),
    ],
)
def test_files_that_are_not_images(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        read_image(data)


def test_no_program_is_started_for_postscript(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(f"started {arguments}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(subprocess, "check_call", refuse)
    Pil.init()  # registers the decoder of EPS, which must not be used
    with pytest.raises(ValueError, match="not an image that can be decoded"):
        read_image(encoded(picture(), "EPS"))


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_read_or_rejected_with_a_reason() -> None:
    """Some mutations change the size of the image, which is allowed."""
    rng = np.random.default_rng(0)
    files = [encoded(picture(), kind) for kind in ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM")]
    files += [
        encoded(picture(), kind, save_all=True, append_images=[noise(24, 32)])
        for kind in ("GIF", "WEBP", "PNG", "MPO", "TIFF")
    ]
    outcomes = [outcome(mutate(data, rng)) for data in files * 50]
    assert max(map(len, outcomes)) < 80
    assert outcomes.count("24 x 32") > 100
    assert outcomes.count("not an image that can be decoded") > 50


def test_jpeg_equals_that_of_decode_image_and_opencv() -> None:
    data = encode_jpeg(np.asarray(noise()), 90, "yuv444")
    assert near(read_image(data).image, decode_image(data), 2)
    assert near(
        read_image(data).image, cv2.imdecode(np.frombuffer(data, np.uint8), 1)[..., ::-1], 2
    )


@pytest.mark.parametrize("lenient", [False, True])
def test_pillow_settings_of_other_packages_do_not_hide_truncation(
    monkeypatch: pytest.MonkeyPatch, lenient: bool
) -> None:
    """Importing face_recognition makes Pillow accept truncated files."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    data = encoded(noise(), "PNG")
    assert read_image(data[: len(data) // 2]).truncated
    assert not read_image(data).truncated
    assert lenient == ImageFile.LOAD_TRUNCATED_IMAGES


def heif_bytes(image: Image, exif: bytes = b"") -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(Pil.fromarray(image)).save(file, quality=95, exif=exif or None)
    return file.getvalue()


def avif_bytes(image: Image) -> bytes:
    file = io.BytesIO()
    Pil.fromarray(image).save(file, "AVIF", quality=95)
    return file.getvalue()


@pytest.mark.parametrize("encode", [heif_bytes, avif_bytes])
def test_photos_of_phones(encode: Callable[[Image], bytes]) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32], picture[24:, 32:] = (200, 60, 60), (60, 60, 200)
    data = encode(picture)
    assert kind_by_content(data[:HEAD_BYTES]) == "image"
    found = read_image(data)
    assert (found.truncated, found.note) == (False, "")
    assert np.abs(found.image.astype(int) - picture).mean() < 6


@pytest.mark.parametrize("encode", [heif_bytes, avif_bytes])
@pytest.mark.parametrize("end", [20, 100, 300, -20])
def test_photos_of_phones_that_are_cut_are_an_error(
    encode: Callable[[Image], bytes], end: int
) -> None:
    data = encode(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match=r"not an image|cut before"):
        read_image(data[:end])
