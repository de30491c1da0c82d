"""Invalid and unusual files, with the status that the pipeline may give them.

The files are small and generated; tests choose from `BAD_INPUTS`. Statuses are those of the frames
stage with at least two frames per video.
"""

import io
import os
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import av
import numpy as np
from clips import CLIP_SIDE, code_image
from PIL import Image as Pil

from deepfake.core.image import Image
from deepfake.core.media import IMAGE_SUFFIXES

HUGE = 20_000  # pixels per side: 1.2 GB as RGB, and more than FFmpeg allows
LARGE = 16_000  # pixels per side: 768 MB as RGB, which FFmpeg allows
BOMB = 30_000  # pixels per side of a PNG that has all of them, 2.7 GB as RGB
FRAMES = 30
CORRUPTION_SEED = 0

# Offset of the size in a sample entry of an MP4, from the first letter of the entry's name.
ENTRY_SIZE = 28
# Offset of the display size (16.16 fixed point) in the track header, from the first letter of its
# name.
TRACK_SIZE = 80


@dataclass(frozen=True)
class BadInput:
    """An invalid or unusual file.

    Attributes:
        name: of the file; its suffix decides how it is read.
        make: writes the file to a path.
        status: statuses that it may get, mostly one.
        why: what is wrong or unusual.
    """

    name: str
    make: Callable[[Path], None]
    status: frozenset[str]
    why: str

    @property
    def kind(self) -> str:
        """How the pipeline reads it: "image" or "video"."""
        return "image" if Path(self.name).suffix.lower() in IMAGE_SUFFIXES else "video"

    def write(self, folder: Path) -> Path:
        """Write the file into a folder."""
        path = folder / self.name
        self.make(path)
        return path


# Videos.


def frame_image(index: int) -> Image:
    """`code_image` with noise, so that encoded frames are large enough to be cut."""
    noise = np.random.default_rng(index).integers(0, 100, (CLIP_SIDE, CLIP_SIDE, 3))
    return (code_image(index) * 0.6 + noise).astype(np.uint8)


@cache
def clip(
    count: int = FRAMES, container: str = "mp4", codec: str = "libx264", profile: str = "high"
) -> bytes:
    """A clip whose frame i shows i; by default H.264 in MP4, with B-frames and the index first."""
    options = {"profile": profile, "crf": "18", "bf": "3", "b-adapt": "0", "g": "12"}
    stream_options = options | {"threads": "1"} if codec == "libx264" else {}
    movflags = {"movflags": "faststart"} if container == "mp4" else {}
    with tempfile.TemporaryDirectory() as folder:  # FFmpeg reopens the file to move the index
        path = Path(folder) / "clip"
        with av.open(str(path), "w", format=container, options=movflags) as output:
            video = output.add_stream(codec, rate=25, options=stream_options)
            video.width = video.height = CLIP_SIDE
            video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for index in range(count):
                frame = av.VideoFrame.from_ndarray(frame_image(index), format="rgb24")
                output.mux(video.encode(frame))
            output.mux(video.encode())
        return path.read_bytes()


def sound() -> bytes:
    """An MP4 with half a second of AAC and no video stream."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as output:
        audio = output.add_stream("aac", rate=44_100, layout="mono")
        samples = np.sin(np.arange(22_528) * 0.06, dtype=np.float32)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 44_100
        output.mux(audio.encode(frame))
        output.mux(audio.encode())
    return stream.getvalue()


def cut(data: bytes, share: float, after: bytes = b"") -> bytes:
    """Cut the data; a `share` of what follows the first `after` is left."""
    start = data.index(after)
    return data[: start + int((len(data) - start) * share)]


def index_last(data: bytes) -> bytes:
    """An MP4 of `clip` with the index after the frames; its offsets are wrong then."""
    index, frames = data.index(b"moov") - 4, data.index(b"mdat") - 4
    return data[:index] + data[frames:] + data[index:frames]


def corrupted(data: bytes) -> bytes:
    """An MP4 of `clip` with random bytes over the third quarter of its packets."""
    start = data.index(b"mdat") + 4
    first, last = start + (len(data) - start) // 2, start + (len(data) - start) * 3 // 4
    return data[:first] + np.random.default_rng(CORRUPTION_SEED).bytes(last - first) + data[last:]


def sized_headers(data: bytes, entry: bytes, side: int) -> bytes:
    """An MP4 whose track header and sample entry claim side x side pixels, unlike its stream."""
    changed = bytearray(data)
    sample = changed.index(entry, changed.index(b"stsd"))
    struct.pack_into(">HH", changed, sample + ENTRY_SIZE, side, side)
    struct.pack_into(">II", changed, changed.index(b"tkhd") + TRACK_SIZE, side << 16, side << 16)
    return bytes(changed)


def sized_avi_headers(data: bytes, side: int) -> bytes:
    """An AVI whose main header and stream format claim side x side pixels, unlike its frames."""
    changed = bytearray(data)
    struct.pack_into("<II", changed, changed.index(b"avih") + 8 + 32, side, side)
    struct.pack_into("<II", changed, changed.index(b"strf") + 8 + 4, side, side)
    return bytes(changed)


def sized_jpegs(data: bytes, side: int) -> bytes:
    """An AVI or JPEG in which every start-of-frame header claims side x side pixels."""
    old = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", CLIP_SIDE, CLIP_SIDE)
    return data.replace(old, old[:5] + struct.pack(">HH", side, side))


def sized_stream(data: bytes, side: int) -> bytes:
    """An MP4 of Baseline H.264 whose headers and stream claim side x side pixels.

    The sequence parameter set in the avcC box is rewritten (ITU-T H.264, 7.3.2.1.1). This enlarges
    the box and the boxes around it, and moves the chunks.
    """
    data = sized_headers(data, b"avc1", side)
    length_at = data.index(b"avcC") + 4 + 6
    length = int.from_bytes(data[length_at : length_at + 2], "big")
    old = data[length_at + 2 : length_at + 2 + length]
    new = sized_parameters(old, side)
    grown = len(new) - len(old)
    changed = bytearray(data)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1", b"avcC"):
        start = data.index(box, data.index(b"stsd") if box == b"avc1" else 0) - 4
        _add(changed, start, grown)
    chunks = data.index(b"stco") + 8
    for chunk in range(int.from_bytes(data[chunks : chunks + 4], "big")):
        _add(changed, chunks + 4 + 4 * chunk, grown)
    changed[length_at : length_at + 2 + length] = len(new).to_bytes(2, "big") + new
    return bytes(changed)


def sized_parameters(parameters: bytes, side: int) -> bytes:
    """A Baseline sequence parameter set with another size; `side` must be a multiple of 16."""
    plain = parameters.replace(b"\0\0\3", b"\0\0")  # without emulation prevention
    bits = "".join(f"{byte:08b}" for byte in plain)
    at = 8 + 24  # NAL header; profile, constraints, level
    _, at = _read_golomb(bits, at)  # id of the set
    _, at = _read_golomb(bits, at)  # bits of the frame number
    order, at = _read_golomb(bits, at)  # x264 writes type 0, or without B-frames type 2
    if order == 0:
        _, at = _read_golomb(bits, at)  # bits of the picture order
    _, at = _read_golomb(bits, at)  # reference frames
    at += 1  # gaps allowed
    _, after = _read_golomb(bits, at)  # width in macroblocks, less one
    _, after = _read_golomb(bits, after)  # height
    size = _golomb(side // 16 - 1) * 2
    end = bits.rindex("1")  # the stop bit; zeros fill the last byte
    changed = bits[:at] + size + bits[after : end + 1]
    changed += "0" * (-len(changed) % 8)
    found = bytes(int(changed[i : i + 8], 2) for i in range(0, len(changed), 8))
    return re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", found)  # emulation prevention


def _add(data: bytearray, at: int, number: int) -> None:
    old = int.from_bytes(data[at : at + 4], "big")
    data[at : at + 4] = (old + number).to_bytes(4, "big")


def _golomb(value: int) -> str:
    """Exp-Golomb code of an unsigned number."""
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


def _read_golomb(bits: str, at: int) -> tuple[int, int]:
    zeros = bits.index("1", at) - at
    end = at + 2 * zeros + 1
    return int(bits[at + zeros : end], 2) - 1, end


# Images.


def image_bytes(kind: str, mode: str = "RGB", **options: object) -> bytes:
    """`code_image(90)` with a coloured part, as a file of a kind such as JPEG."""
    pixels = code_image(90)
    pixels[:16] = (200, 120, 90)
    return _saved(Pil.fromarray(pixels).convert(mode), kind, **options)


def rotated() -> bytes:
    """A JPEG of a phone held upright: EXIF orientation 6."""
    exif = Pil.Exif()
    exif[0x0112] = 6
    return _saved(Pil.fromarray(code_image(90)[:48]), "JPEG", exif=exif)


def sixteen_bit() -> bytes:
    """A grey PNG of 16 bits."""
    grey = np.linspace(0, 65_535, CLIP_SIDE * CLIP_SIDE).astype(np.uint16)
    return _saved(Pil.fromarray(grey.reshape(CLIP_SIDE, CLIP_SIDE)), "PNG")


def transparent() -> bytes:
    """A PNG that fades from transparent to opaque."""
    image = Pil.fromarray(code_image(90))
    image.putalpha(Pil.linear_gradient("L").resize(image.size))
    return _saved(image, "PNG")


def animated(kind: str) -> bytes:
    """An image file with five frames."""
    first, *rest = (Pil.fromarray(code_image(index)) for index in range(1, 6))
    return _saved(first, kind, save_all=True, append_images=rest, duration=40)


def cut_jpeg() -> bytes:
    """Two thirds of a JPEG of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    return cut(_saved(Pil.fromarray(noise), "JPEG"), 0.66, b"\xff\xda")


def huge_screen() -> bytes:
    """A GIF with one small frame on a logical screen of 20,000 x 20,000."""
    data = image_bytes("GIF")
    return data[:6] + struct.pack("<HH", HUGE, HUGE) + data[10:]


@cache
def huge_png(side: int, rows: int) -> bytes:
    """A one-bit PNG that claims side x side pixels but has only the first, white rows."""
    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * (-(-side // 8))
    packed = b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def zipped() -> bytes:
    """A zip archive with a text file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", "not a picture\n" * 100)
    return stream.getvalue()


def _saved(image: Pil.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


# Paths that are not readable files.


def folder(path: Path) -> None:
    """A folder with the name of a video."""
    path.mkdir()
    (path / "notes.txt").write_text("a folder\n")


def broken_link(path: Path) -> None:
    """A link to a missing file."""
    path.symlink_to(path.parent / "not there.mp4")


def forbidden(path: Path) -> None:
    """A clip that only root may read."""
    path.write_bytes(clip())
    path.chmod(0)


# The table.


def _file(name: str, content: Callable[[], bytes], status: str, why: str) -> BadInput:
    def make(path: Path) -> None:
        path.write_bytes(content())

    return BadInput(name, make, frozenset(status.split()), why)


def _named(name: str, why: str) -> BadInput:
    return _file(name, clip, "ok", f"a name with {why}")


LONG_NAME = "n" * 246 + ".mp4"  # 250 characters; file systems take 255 bytes
# Root may read a file without read permission.
_FORBIDDEN_STATUS = "ok" if os.geteuid() == 0 else "unreadable"

BAD_INPUTS: tuple[BadInput, ...] = (
    # videos without data or with a part of it
    _file("empty.mp4", bytes, "unreadable", "no bytes"),
    _file("text.mp4", partial(bytes, b"not a video\n" * 200), "unreadable", "text"),
    _file(
        "cut_header.mp4", lambda: clip()[: clip().index(b"avcC")], "unreadable", "cut in its index"
    ),
    _file("cut_frames.mp4", lambda: cut(clip(), 0.6, b"mdat"), "truncated", "cut, index first"),
    _file(
        "cut_no_index.mp4",
        lambda: cut(index_last(clip()), 0.5, b"mdat"),
        "unreadable",
        "cut, index last",
    ),
    _file("cut.mkv", lambda: cut(clip(container="matroska"), 0.6), "truncated", "cut"),
    _file(
        "cut.avi",
        lambda: cut(clip(container="avi", codec="mjpeg"), 0.5, b"movi"),
        "truncated",
        "cut",
    ),
    _file("sound.mp4", sound, "unreadable", "no picture"),
    _file("one_frame.mp4", lambda: clip(1), "too_short", "a single frame"),
    _file(
        "corrupted.mp4", lambda: corrupted(clip()), "damaged truncated", "random bytes in packets"
    ),
    # videos that claim a size
    _file(
        "zero_header.mp4",
        lambda: sized_headers(clip(), b"avc1", 0),
        "ok",
        "headers claim 0 x 0, the stream does not",
    ),
    _file(
        "zero_header.avi",
        lambda: sized_avi_headers(clip(container="avi", codec="mjpeg"), 0),
        "ok",
        "headers claim 0 x 0, the frames do not",
    ),
    _file(
        "zero_frames.avi",
        lambda: sized_jpegs(clip(container="avi", codec="mjpeg"), 0),
        "unreadable",
        "every frame claims 0 x 0",
    ),
    _file(
        "huge_header.mp4",
        lambda: sized_headers(clip(), b"avc1", HUGE),
        "ok",
        "headers claim 20,000 x 20,000, the stream does not",
    ),
    _file(
        "huge_stream.mp4",
        lambda: sized_stream(clip(profile="baseline"), HUGE),
        "unreadable",
        "the stream claims 20,000 x 20,000",
    ),
    _file(
        "large_stream.mp4",
        lambda: sized_stream(clip(profile="baseline"), LARGE),
        "unreadable",
        "the stream claims 16,000 x 16,000",
    ),
    _file(
        "huge_frames.avi",
        lambda: sized_jpegs(clip(container="avi", codec="mjpeg"), HUGE),
        "unreadable",
        "every frame claims 20,000 x 20,000",
    ),
    _file(
        "large_frames.avi",
        lambda: sized_jpegs(clip(container="avi", codec="mjpeg"), LARGE),
        "unreadable",
        "every frame claims 16,000 x 16,000",
    ),
    _file("huge_screen.gif", huge_screen, "unreadable", "a screen of 20,000 x 20,000"),
    # not readable files
    BadInput("folder.mp4", folder, frozenset({"unreadable"}), "a folder"),
    BadInput("broken_link.mp4", broken_link, frozenset({"unreadable"}), "a link to nothing"),
    BadInput("forbidden.mp4", forbidden, frozenset({_FORBIDDEN_STATUS}), "no permission to read"),
    # names
    _named("with  two spaces .mp4", "spaces"),
    _named('it\'s "quoted".mp4', "quotes"),
    _named("two\nlines.mp4", "a line break"),
    _named("é汉字😀.mp4", "letters outside ASCII"),
    _named("-i.mp4", "a dash at its start"),
    _named(LONG_NAME, "250 characters"),
    # images
    _file("rotated.jpg", rotated, "ok", "EXIF orientation 6"),
    _file("cmyk.jpg", lambda: image_bytes("JPEG", "CMYK"), "ok", "printing inks"),
    _file("sixteen_bit.png", sixteen_bit, "ok", "16 bits"),
    _file("transparent.png", transparent, "ok", "an alpha channel"),
    _file("animated.webp", lambda: animated("WEBP"), "ok", "several frames in an image"),
    _file("animated.gif", lambda: animated("GIF"), "ok", "an image file that is a video"),
    _file("cut.jpg", cut_jpeg, "truncated", "cut"),
    _file("empty.png", bytes, "unreadable", "no bytes"),
    _file("huge.png", lambda: huge_png(HUGE, 100), "unreadable", "claims 20,000 x 20,000"),
    _file("bomb.png", lambda: huge_png(BOMB, BOMB), "unreadable", "is 30,000 x 30,000"),
    _file("zip.jpg", zipped, "unreadable", "a zip archive"),
    # the wrong suffix
    _file("video.jpg", clip, "unreadable", "a video"),
    _file("image.mp4", lambda: image_bytes("JPEG"), "too_short", "an image"),
)
