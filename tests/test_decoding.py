"""Chosen frames of a video are those of sequential reading, whatever codec, container and damage."""

import itertools
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from conftest import CLIP_SIDE, ClipMaker, code_image, code_of
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfake import decoding
from deepfake.decoding import DAMAGED, OK, TRUNCATED, DecodingError, decode_video
from deepfake.image import Image

FASTSTART = {"movflags": "faststart"}  # the index stands first, so a cut file can be opened
GROUPS = {"g": "8", "bf": "3", "b-adapt": "0", "sc_threshold": "0", "threads": "1"}
EDIT = 8  # bytes from "elst" to its first entry


@dataclass(frozen=True)
class Clip:
    """How to encode `count` pictures, picture i showing i."""

    name: str
    codec: str
    options: dict[str, str] = field(default_factory=dict)
    pix_fmt: str = "yuv420p"
    count: int = 40
    width: int = CLIP_SIDE
    height: int = CLIP_SIDE
    container: dict[str, str] = field(default_factory=dict)
    jitter: bool = False  # frames of different lengths
    fast: bool = True  # single frames can be decoded

    def write(self, folder: Path) -> Path:
        path = folder / self.name
        lengths = np.random.default_rng(0).integers(20, 90, self.count) if self.jitter else None
        with av.open(str(path), "w", options=self.container) as output:
            stream = output.add_stream(self.codec, rate=25, options=self.options)
            stream.width, stream.height, stream.pix_fmt = self.width, self.height, self.pix_fmt
            if lengths is not None:
                stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            for index in range(self.count):
                picture = np.ascontiguousarray(code_image(index)[: self.height, : self.width])
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                if lengths is not None:
                    frame.pts, frame.time_base = int(lengths[:index].sum()), Fraction(1, 1000)
                output.mux(stream.encode(frame))
            output.mux(stream.encode())
        return path


HEVC = "log-level=none:keyint=8:min-keyint=8:bframes=3:scenecut=0:pools=1:frame-threads=1:open-gop="
ALT_REF = {
    "auto-alt-ref": "1",
    "lag-in-frames": "12",
    "deadline": "good",
    "cpu-used": "4",
    "g": "9",
}
CLIPS = {
    "h264, b-frames": Clip("a.mp4", "libx264", GROUPS),
    "h264, one group": Clip("a.mp4", "libx264", {"g": "250", "bf": "3", "threads": "1"}),
    "h264, open groups": Clip("a.mp4", "libx264", GROUPS | {"x264-params": "open-gop=1"}),
    "h264, open groups, mkv": Clip("a.mkv", "libx264", GROUPS | {"x264-params": "open-gop=1"}),
    "h264, b-pyramid": Clip("a.mp4", "libx264", GROUPS | {"bf": "7", "g": "16", "refs": "4"}),
    "h264, refresh": Clip("a.mp4", "libx264", GROUPS | {"intra-refresh": "1", "bf": "0"}, fast=False),
    "h264, interlaced": Clip("a.mp4", "libx264", GROUPS | {"x264-params": "tff=1"}, fast=False),
    "h264, variable rate": Clip("a.mp4", "libx264", GROUPS, jitter=True),
    "h264, variable rate, mkv": Clip("a.mkv", "libx264", GROUPS, jitter=True),
    "h264, fragments": Clip("a.mp4", "libx264", GROUPS, container={"movflags": "frag_keyframe+empty_moov"}),
    "h264, live mkv": Clip("a.mkv", "libx264", GROUPS, container={"live": "1"}),
    "h264, ts": Clip("a.ts", "libx264", GROUPS),
    "h264, flv": Clip("a.flv", "libx264", GROUPS),
    "h264, 10 bit": Clip("a.mp4", "libx264", GROUPS, "yuv420p10le"),
    "h264, odd": Clip("a.mp4", "libx264", GROUPS, "yuv444p", width=63, height=61),
    "h264, one frame": Clip("a.mp4", "libx264", GROUPS, count=1),
    "hevc, open groups": Clip("a.mp4", "libx265", {"x265-params": HEVC + "1"}),
    "hevc, 10 bit": Clip("a.mp4", "libx265", {"x265-params": HEVC + "0"}, "yuv420p10le"),
    "mpeg4": Clip("a.mp4", "mpeg4", {"g": "9", "bf": "2"}),
    "mpeg4, avi": Clip("a.avi", "mpeg4", {"g": "9"}),
    "mpeg4, avi, b-frames": Clip("a.avi", "mpeg4", {"g": "9", "bf": "2"}),
    "mpeg4, avi, gaps": Clip("a.avi", "mpeg4", {"g": "9"}, jitter=True),
    "mjpeg": Clip("a.avi", "mjpeg", pix_fmt="yuvj420p"),
    "mjpeg, odd": Clip("a.mkv", "mjpeg", pix_fmt="yuvj422p", width=61, height=63),
    "vp9": Clip("a.webm", "libvpx-vp9", ALT_REF),
    "vp9, odd": Clip("a.webm", "libvpx-vp9", ALT_REF, width=63, height=61),
    "vp8, hidden frames": Clip("a.webm", "libvpx", ALT_REF, fast=False),
    "av1": Clip("a.mp4", "libsvtav1", {"preset": "12", "g": "9"}),
    "gif": Clip("a.gif", "gif", pix_fmt="rgb8", fast=False),
    "ffv1": Clip("a.mkv", "ffv1", fast=False),
}  # fmt: skip


def sequential(path: Path) -> list[Image]:
    """All frames, as PyAV alone reads them."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def never(*_: Any) -> None:
    raise AssertionError("this may not be called")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, list[Image]]]:
    """Files of CLIPS with all their frames, made once."""
    made: dict[str, tuple[Path, list[Image]]] = {}

    def get(name: str) -> tuple[Path, list[Image]]:
        if name not in made:
            path = CLIPS[name].write(tmp_path_factory.mktemp("clip"))
            made[name] = path, sequential(path)
        return made[name]

    return get


def assert_exact(path: Path, expected: list[Image], wanted: list[int]) -> None:
    asked = []

    def choose(count: int) -> list[int]:
        asked.append(count)
        return wanted

    found = decode_video(path, choose)
    assert found.count == asked[-1] == len(expected)
    assert found.indices == tuple(wanted)
    assert all(
        np.array_equal(frame, expected[i]) for i, frame in zip(wanted, found.frames, strict=True)
    )
    assert (found.status, found.reason) == (OK, "")


@pytest.mark.parametrize("name", CLIPS)
def test_frames_are_those_of_sequential_reading(
    clips: Callable[[str], tuple[Path, list[Image]]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, expected = clips(name)
    count = CLIPS[name].count
    assert len(expected) == count
    if CLIPS[name].height == CLIPS[name].width:
        assert [code_of(frame) for frame in expected] == list(range(count))
    if CLIPS[name].fast:
        monkeypatch.setattr(decoding, "_read_all", never)
    for index in range(count):
        assert_exact(path, expected, [index])
    for step in (1, 3, 11):
        assert_exact(path, expected, list(range(0, count, step)))
    assert_exact(path, expected, sorted({0, count - 1}))


@pytest.mark.parametrize("name", [name for name, clip in CLIPS.items() if not clip.fast])
def test_unusual_files_are_read_from_start_to_end(
    clips: Callable[[str], tuple[Path, list[Image]]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """So that the clips above without the fast path are not there for nothing."""
    path, _ = clips(name)
    monkeypatch.setattr(decoding, "_read_all", never)
    with pytest.raises(AssertionError, match="may not be called"):
        decode_video(path, lambda count: [count - 1])


def test_what_is_known_of_a_clip(clips: Callable[[str], tuple[Path, list[Image]]]) -> None:
    found = decode_video(clips("h264, odd")[0], lambda _: [3, 5])
    assert (found.width, found.height, found.fps, found.codec) == (63, 61, 25.0, "h264")
    assert [frame.shape for frame in found.frames] == [(61, 63, 3)] * 2
    assert all(frame.dtype == np.uint8 and frame.flags.c_contiguous for frame in found.frames)
    names = {
        name: decode_video(clips(name)[0], lambda _: []).codec for name in ("av1", "vp9", "gif")
    }
    assert names == {"av1": "av1", "vp9": "vp9", "gif": "gif"}


@pytest.mark.parametrize("name", ["h264, b-frames", "gif"])
def test_no_frame_wanted(clips: Callable[[str], tuple[Path, list[Image]]], name: str) -> None:
    found = decode_video(clips(name)[0], lambda _: [])
    assert (found.frames, found.indices, found.count) == ([], (), 40)
    assert (found.status, found.width, found.height) == (OK, CLIP_SIDE, CLIP_SIDE)


@pytest.mark.parametrize("wanted", [[40], [-1], [3, 3], [5, 2]])
def test_indices_that_cannot_be(
    clips: Callable[[str], tuple[Path, list[Image]]], wanted: list[int]
) -> None:
    with pytest.raises(ValueError, match="not ascending indices of 40 frames"):
        decode_video(clips("h264, b-frames")[0], lambda _: wanted)


class CountingDecoder:
    """A decoder that counts the packets it is given and the frames it gives."""

    def __init__(self, decoder: Any) -> None:
        object.__setattr__(self, "decoder", decoder)

    def decode(self, packet: Any) -> list[Any]:
        frames: list[Any] = self.decoder.decode(packet)
        COUNTS.append((packet is not None, len(frames)))
        return frames

    def __getattr__(self, name: str) -> Any:
        return getattr(self.decoder, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.decoder, name, value)


COUNTS: list[tuple[bool, int]] = []


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, list[int]], tuple[int, int]]:
    """A function that tells how many packets went into a decoder, and frames out of it."""
    decode_run = decoding._decode_run
    monkeypatch.setattr(
        decoding, "_decode_run", lambda decoder, *rest: decode_run(CountingDecoder(decoder), *rest)
    )
    monkeypatch.setattr(decoding, "_read_all", never)

    def count(path: Path, wanted: list[int]) -> tuple[int, int]:
        COUNTS.clear()
        decode_video(path, lambda _: wanted)
        return sum(packet for packet, _ in COUNTS), sum(frames for _, frames in COUNTS)

    return count


def test_no_more_is_decoded_than_needed(
    clips: Callable[[str], tuple[Path, list[Image]]],
    counts: Callable[[Path, list[int]], tuple[int, int]],
) -> None:
    """Groups are of 8 packets: I P B B B P B B, shown as I B B B P B B P or alike."""
    path, _ = clips("h264, b-frames")
    assert counts(path, [16]) == (1, 1)  # a keyframe in the middle
    packets, frames = counts(path, [16, 39])
    assert packets <= 1 + 8
    assert frames < packets  # B-frames that are no reference are left out
    packets, _ = counts(path, [2, 20, 36])
    assert packets <= 8 + 8 + 8
    assert counts(path, list(range(40))) == (40, 40)


def test_one_group_is_decoded_once_and_no_further_than_needed(
    clips: Callable[[str], tuple[Path, list[Image]]],
    counts: Callable[[Path, list[int]], tuple[int, int]],
) -> None:
    path, _ = clips("h264, one group")
    with av.open(str(path)) as container:
        stored = [packet.pts for packet in container.demux(video=0) if packet.size]
    packets, frames = counts(path, [3, 10, 20])
    assert packets == stored.index(sorted(stored)[20]) + 1
    assert frames < packets


def test_runs_are_in_file_order_and_do_not_overlap() -> None:
    """A frame that is shown before a keyframe but stored after it belongs to the group before."""
    packet = decoding._Packet
    stored = [packet(pts, key, True) for pts, key in [(0, 1), (2, 0), (1, 0), (5, 1), (3, 0), (4, 0), (6, 0)]]  # fmt: skip
    assert decoding._runs(stored, [0, 6]) == [range(0, 1), range(3, 7)]
    assert decoding._runs(stored, [5]) == [range(0, 6)]
    assert decoding._runs(stored, [5, 6]) == [range(0, 7)]
    assert decoding._runs(stored, []) == []


@given(
    group=st.integers(1, 20),
    b_frames=st.integers(0, 5),
    open_groups=st.booleans(),
    count=st.integers(1, 50),
    data=st.data(),
)
@settings(max_examples=25)
def test_any_group_of_pictures(
    tmp_path_factory: pytest.TempPathFactory,
    group: int,
    b_frames: int,
    open_groups: bool,
    count: int,
    data: st.DataObject,
) -> None:
    wanted = sorted(data.draw(st.sets(st.integers(0, count - 1), max_size=6)))
    options = GROUPS | {"g": str(group), "bf": str(b_frames)}
    options["x264-params"] = f"open-gop={int(open_groups)}"
    path = Clip("a.mp4", "libx264", options, count=count).write(tmp_path_factory.mktemp("clip"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "_read_all", never)
        assert_exact(path, sequential(path), wanted)


def patched(source: Path, path: Path, at: int, data: bytes) -> Path:
    """A copy of a file with other bytes at a place."""
    content = bytearray(source.read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("cut", [1, 7, 12, 20])
def test_packets_that_an_edit_list_cuts_off_are_no_frames(
    clips: Callable[[str], tuple[Path, list[Image]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cut: int,
) -> None:
    monkeypatch.setattr(decoding, "_read_all", never)
    source, _ = clips("h264, b-frames")
    data = source.read_bytes()
    at = data.index(b"elst") + EDIT + 4
    length, start, *_ = struct.unpack(">IIH", data[at : at + 10])
    step = 12800 // 25
    path = patched(source, tmp_path / "cut.mp4", at, struct.pack(">II", length, start + cut * step))
    with av.open(str(path)) as container:
        assert any(p.is_discard for p in container.demux(video=0)) or cut in (8, 16)
    expected = sequential(path)
    assert [code_of(frame) for frame in expected] == list(range(cut, 40))
    for index in range(len(expected)):
        assert_exact(path, expected, [index])
    assert_exact(path, expected, list(range(0, len(expected), 5)))


@pytest.mark.parametrize("name", ["hevc, open groups", "h264, open groups", "h264, b-frames"])
def test_frames_before_the_first_keyframe_are_no_frames(
    clips: Callable[[str], tuple[Path, list[Image]]], tmp_path: Path, name: str
) -> None:
    """A recording that begins in the middle: decoders drop what refers to the part before."""
    path, numbers = tmp_path / "tail.mkv", []
    with av.open(str(clips(name)[0])) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        later = [at for at, packet in enumerate(packets) if packet.is_keyframe][2]
        for packet in packets[later:]:
            numbers.append(packet.pts)
            packet.stream = stream
            output.mux(packet)
    leading = sum(pts < numbers[0] for pts in numbers)
    assert (leading > 0) == ("open" in name)
    expected = sequential(path)
    if name.startswith("hevc"):
        assert len(expected) == len(numbers) - leading
    for index in range(len(expected)):
        assert_exact(path, expected, [index])


def with_matrix(source: Path, path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A copy of an MP4 file with another display matrix a, b, c, d in its header."""
    a, b, c, d = (value << 16 for value in matrix)
    at = source.read_bytes().index(b"tkhd") + 4 + 40
    return patched(source, path, at, struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30))


def moved(image: Image, matrix: tuple[int, int, int, int]) -> Image:
    """The picture with every pixel (x, y) brought to (a x + c y, b x + d y)."""
    a, b, c, d = matrix
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    right, down = a * x + c * y, b * x + d * y
    right, down = right - right.min(), down - down.min()
    result = np.zeros((down.max() + 1, right.max() + 1, 3), np.uint8)
    result[down, right] = image
    return result


@pytest.fixture(scope="module")
def slanted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 64 x 48 that looks different however it is turned or mirrored."""
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    picture = np.full((48, 64, 3), 40, np.uint8)
    picture[:8, :24], picture[8:32, :8] = (220, 60, 60), (60, 60, 220)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return path


TURNS = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]
MIRRORS = [(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)]


@pytest.mark.parametrize("matrix", TURNS + MIRRORS)
def test_pictures_are_upright(
    slanted: Path, tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    path = with_matrix(slanted, tmp_path / "turned.mp4", matrix)
    found = decode_video(path, lambda _: [1])
    expected = moved(sequential(slanted)[1], matrix)
    assert np.array_equal(found.frames[0], expected)
    assert (found.height, found.width) == expected.shape[:2]
    assert found.frames[0].flags.c_contiguous
    if matrix in TURNS:  # OpenCV knows no mirrored ones
        other = cv2.cvtColor(cv2.VideoCapture(str(path)).read()[1], cv2.COLOR_BGR2RGB)
        assert np.abs(other.astype(int) - expected).mean() < 3


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (210, 150, 120), (255, 255, 255), (0, 0, 0)]
BT601, BT709, BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)  # kr, kb
UNSPECIFIED, LIMITED, FULL = 0, 1, 2


def coded(colour: tuple[int, int, int], weights: tuple[float, float], full: bool) -> list[int]:
    """Y, Cb, Cr of a colour in 8 bits (ITU-T H.273)."""
    kr, kb = weights
    red, green, blue = (value / 255 for value in colour)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = [(blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)]
    low, luma_range, chroma_range = (0, 255, 255) if full else (16, 219, 224)
    values = [low + luma_range * luma, *(128 + chroma_range * value for value in chroma)]
    return [min(round(value), 255) for value in values]


def colour_clip(path: Path, codec: str, pix_fmt: str, height: int, tags: tuple[int, int], planes: list[list[int]]) -> Path:  # fmt: skip
    """Columns of 16 pixels, column i with the samples planes[i]; tags are of matrix and range."""
    with av.open(str(path), "w") as output:
        options = {"libx264": {"qp": "0"}, "libvpx-vp9": {"lossless": "1", "cpu-used": "8"}}
        stream = output.add_stream(codec, rate=25, options=options.get(codec, {}))
        stream.width, stream.height, stream.pix_fmt = 16 * len(planes), height, pix_fmt
        stream.codec_context.colorspace, stream.codec_context.color_range = tags
        frame = av.VideoFrame(stream.width, height, pix_fmt)
        frame.colorspace, frame.color_range = tags
        for number, plane in enumerate(frame.planes):
            row = np.repeat([column[number] for column in planes], 16 if number == 0 else 8)
            rows = np.zeros((plane.height, plane.line_size), np.uint8)
            rows[:, : len(row)] = row
            plane.update(rows)
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "height", "matrix", "range_", "weights", "full"),
    [
        ("libx264", "yuv420p", 64, 2, UNSPECIFIED, BT601, False),
        ("libx264", "yuv420p", 718, 2, UNSPECIFIED, BT601, False),
        ("libx264", "yuv420p", 720, 2, UNSPECIFIED, BT709, False),
        ("libx264", "yuv420p", 64, 1, LIMITED, BT709, False),
        ("libx264", "yuv420p", 720, 6, LIMITED, BT601, False),
        ("libx264", "yuv420p", 720, 5, LIMITED, BT601, False),
        ("libx264", "yuv420p", 64, 9, LIMITED, BT2020, False),
        ("libx264", "yuv420p", 64, 1, FULL, BT709, True),
        ("libx264", "yuv420p", 64, 2, FULL, BT601, True),
        ("libx264", "yuvj420p", 64, 6, FULL, BT601, True),
        ("libvpx-vp9", "yuv420p", 64, 1, LIMITED, BT709, False),
        ("mjpeg", "yuvj420p", 64, 5, FULL, BT601, True),
    ],
)
def test_colours(
    tmp_path: Path,
    codec: str,
    pix_fmt: str,
    height: int,
    matrix: int,
    range_: int,
    weights: tuple[float, float],
    full: bool,
) -> None:
    planes = [coded(colour, weights, full) for colour in COLOURS]
    path = colour_clip(tmp_path / "a.mkv", codec, pix_fmt, height, (matrix, range_), planes)
    image = decode_video(path, lambda _: [0]).frames[0]
    found = image[height // 2, 8::16].astype(int)
    assert np.abs(found - COLOURS).max() <= 4, found.tolist()


def cut(source: Path, path: Path, part: float, after: bytes = b"") -> Path:
    """The first part of a file, counted from the bytes `after` on."""
    data = source.read_bytes()
    start = data.index(after) if after else 0
    path.write_bytes(data[: start + round((len(data) - start) * part)])
    return path


@pytest.mark.parametrize(
    ("clip", "after", "reason"),
    [
        (Clip("a.mp4", "libx264", GROUPS, count=60, container=FASTSTART), b"mdat", "{} of 60 frames can be decoded"),
        (Clip("a.avi", "mpeg4", {"g": "9"}, count=60), b"movi", "s are missing after {} frames"),
        (Clip("a.mkv", "libx264", GROUPS, count=60), b"", "s are missing after {} frames"),
    ],
    ids=["mp4", "avi", "mkv"],
)  # fmt: skip
def test_truncated_files(tmp_path: Path, clip: Clip, after: bytes, reason: str) -> None:
    whole = clip.write(tmp_path)
    path = cut(whole, tmp_path / f"cut{whole.suffix}", 0.6, after)
    found = decode_video(path, lambda count: list(range(count)))
    assert 20 < found.count < 50
    assert found.indices == tuple(range(found.count))
    assert [code_of(frame) for frame in found.frames[:-2]] == list(range(found.count - 2))
    assert found.status == TRUNCATED
    assert reason.format(found.count) in found.reason
    assert decode_video(whole, lambda _: [0]).status == OK


def test_avi_with_empty_packets_for_frames_that_did_not_change(
    clips: Callable[[str], tuple[Path, list[Image]]],
) -> None:
    """Its header counts them, but they are no frames."""
    path, expected = clips("mpeg4, avi, gaps")
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames > 50
    assert len(expected) == 40
    assert decode_video(path, lambda _: [0]).status == OK


def test_choose_is_asked_again_when_fewer_frames_are_there(
    tmp_path: Path, make_clip: ClipMaker
) -> None:
    """Zeros at the end: the packets are there, but the last ones give no frames."""
    whole = make_clip(tmp_path / "whole.mp4", 60, FASTSTART)
    sizes = packets_of(whole)
    start = sizes[48][0]
    zeros = bytes(whole.stat().st_size - start)
    path = patched(whole, tmp_path / "a.mp4", start, zeros)
    asked = []

    def choose(count: int) -> list[int]:
        asked.append(count)
        return [0, count - 1]

    found = decode_video(path, choose)
    assert asked == [60, found.count]
    assert found.count == 48
    assert [code_of(frame) for frame in found.frames] == [0, 47]
    assert (found.status, found.reason) == (
        TRUNCATED,
        "the last 12 of 60 frames are missing or damaged",
    )


def packets_of(path: Path) -> list[tuple[int, int]]:
    """Place and size of each video packet."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.size]


@pytest.mark.parametrize("name", ["h264, b-frames", "mpeg4"])
def test_damage_in_the_middle(
    clips: Callable[[str], tuple[Path, list[Image]]], tmp_path: Path, name: str
) -> None:
    source, expected = clips(name)
    place, size = packets_of(source)[17]
    path = patched(source, tmp_path / "a.mp4", place + 4, b"\xff" * (size - 4))
    found = decode_video(path, lambda count: list(range(count)))
    assert found.status == DAMAGED
    number, words = found.reason.split(" ", 1)
    assert int(number) >= 1
    assert words == "of 40 frames are missing or damaged"
    assert np.array_equal(found.frames[-1], expected[-1])
    assert np.array_equal(found.frames[3], expected[3])
    untouched = decode_video(path, lambda _: [3])
    assert np.array_equal(untouched.frames[0], expected[3])


def test_damage_that_the_decoder_paints_over(
    clips: Callable[[str], tuple[Path, list[Image]]], tmp_path: Path
) -> None:
    source, expected = clips("mpeg4")
    place, size = packets_of(source)[15]
    noise = np.random.default_rng(15).bytes(size - 4)
    path = patched(source, tmp_path / "a.mp4", place + 4, noise)
    found = decode_video(path, lambda count: list(range(count)))
    assert sum(not np.array_equal(*pair) for pair in zip(found.frames, expected, strict=True)) == 1
    assert (found.status, found.count) == (DAMAGED, 40)
    assert found.reason == "1 of 40 frames are missing or damaged"


def test_damage_is_met_where_a_wanted_frame_needs_the_damaged_part(
    clips: Callable[[str], tuple[Path, list[Image]]], tmp_path: Path
) -> None:
    """Then all is read, as the number of frames is not what the container says."""
    source, _ = clips("h264, b-frames")
    place, size = packets_of(source)[16]
    path = patched(source, tmp_path / "a.mp4", place + 4, b"\xff" * (size - 4))
    assert decode_video(path, lambda _: [21]).status == DAMAGED


def test_longer_audio_is_no_damage(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv"):
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            video = output.add_stream("libx264", rate=25, options=GROUPS)
            video.width = video.height = CLIP_SIDE
            video.pix_fmt = "yuv420p"
            audio = output.add_stream("aac", rate=16000)
            for index in range(30):
                frame = av.VideoFrame.from_ndarray(code_image(index), format="rgb24")
                output.mux(video.encode(frame))
            output.mux(video.encode())
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 5 * 16000), np.float32), "fltp", "mono")
            sound.sample_rate, sound.pts = 16000, 0
            output.mux(audio.encode(sound))
            output.mux(audio.encode())
        found = decode_video(path, lambda count: [count - 1])
        assert (found.status, found.count, code_of(found.frames[0])) == (OK, 30, 29)


def audio_only(path: Path) -> None:
    with av.open(str(path), "w") as output:
        audio = output.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        sound.sample_rate = 16000
        output.mux(audio.encode(sound))
        output.mux(audio.encode())


def nothing(path: Path) -> None:
    assert not path.exists()


BROKEN: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "empty": ("empty file", lambda path: path.touch()),
    "text": ("not a video", lambda path: path.write_text("this is not a video\n" * 100)),
    "noise": ("not a video", lambda path: path.write_bytes(np.random.default_rng(0).bytes(9999))),
    "playlist": ("not a video", lambda path: path.write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1/a.ts\n")),
    "header": ("not a video", lambda path: path.write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41")),
    "folder": ("is a folder", lambda path: path.mkdir()),
    "broken link": ("broken link", lambda path: path.symlink_to("nowhere")),
    "missing": ("no such file", nothing),
    "audio": ("no video stream", audio_only),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("suffix", [".mp4", ".txt"])
def test_files_without_a_frame(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str, suffix: str
) -> None:
    reason, make = BROKEN[kind]
    path = tmp_path / f"clip{suffix if kind != 'audio' else '.mp4'}"
    make(path)
    with pytest.raises(DecodingError) as caught:
        decode_video(path, never)  # type: ignore[arg-type]
    assert str(caught.value) == reason
    assert capfd.readouterr() == ("", "")


def test_no_permission(
    clips: Callable[[str], tuple[Path, list[Image]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = clips("h264, b-frames")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DecodingError, match=r"^no permission$"):
        decode_video(path, lambda _: [0])


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6])
def test_cut_in_the_header(tmp_path: Path, make_clip: ClipMaker, part: float) -> None:
    """An MP4 file without its index, which stands at the end, cannot be read."""
    path = cut(make_clip(tmp_path / "whole.mp4", 20), tmp_path / "cut.mp4", part)
    with pytest.raises(DecodingError, match=r"^(not a video|no video stream)$"):
        decode_video(path, lambda _: [0])


def test_header_without_frames(
    tmp_path: Path, make_clip: ClipMaker, capfd: pytest.CaptureFixture[str]
) -> None:
    data = make_clip(tmp_path / "whole.mp4", 20, FASTSTART).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: data.index(b"mdat") + 8])
    with pytest.raises(DecodingError, match=r"^no frame can be decoded$"):
        decode_video(path, lambda _: [0])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("width", "height"), [(0, 0), (20000, 20000)])
def test_size_in_the_container_alone_is_wrong(
    clips: Callable[[str], tuple[Path, list[Image]]], tmp_path: Path, width: int, height: int
) -> None:
    """The stream itself knows better."""
    source, expected = clips("h264, b-frames")
    at = source.read_bytes().index(b"avc1", source.read_bytes().index(b"stsd")) + 28
    path = patched(source, tmp_path / "a.mp4", at, struct.pack(">HH", width, height))
    assert_exact(path, expected, [7, 30])


def test_a_large_claim_is_refused(tmp_path: Path) -> None:
    """Every place that tells a size says 20,000 x 20,000: 1.2 GB for a frame in RGB."""
    source = Clip("whole.mp4", "mjpeg", pix_fmt="yuvj420p", count=3).write(tmp_path)
    data = bytearray(source.read_bytes())
    size = struct.pack(">HH", 20000, 20000)
    at = data.index(b"mp4v", data.index(b"stsd")) + 28
    data[at : at + 4] = size
    frame_header = b"\xff\xc0\x00\x11\x08"
    assert data.count(frame_header) == 3
    data = data.replace(frame_header + struct.pack(">HH", 64, 64), frame_header + size)
    path = tmp_path / "large.mp4"
    path.write_bytes(data)
    limit = decoding.MAX_PIXELS
    with pytest.raises(DecodingError) as caught:
        decode_video(path, lambda _: [0])
    assert str(caught.value) in (
        f"20000 x 20000 pixels, at most {limit} allowed",
        "no frame can be decoded",  # where only the pictures in the file tell their size
    )


def test_limit_of_pixels(
    clips: Callable[[str], tuple[Path, list[Image]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = clips("h264, b-frames")
    monkeypatch.setattr(decoding, "_read_with_opencv", never)
    monkeypatch.setattr(decoding, "MAX_PIXELS", CLIP_SIDE**2)
    assert decode_video(path, lambda _: [0]).width == CLIP_SIDE
    monkeypatch.setattr(decoding, "MAX_PIXELS", CLIP_SIDE**2 - 1)
    with pytest.raises(DecodingError, match=r"^64 x 64 pixels, at most 4095 allowed$"):
        decode_video(path, lambda _: [0])


def refuse_to_open(*_: Any, **__: Any) -> None:
    raise av.error.InvalidDataError(1, "Invalid data")


@pytest.mark.parametrize("name", ["h264, b-frames", "h264, live mkv", "vp9", "mpeg4, avi"])
def test_opencv_reads_what_pyav_cannot(
    clips: Callable[[str], tuple[Path, list[Image]]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, expected = clips(name)
    monkeypatch.setattr(decoding.av, "open", refuse_to_open)
    found = decode_video(path, lambda count: list(range(0, count, 7)))
    assert (found.status, found.count, found.fps) == (OK, 40, 25.0)
    assert found.indices == tuple(range(0, 40, 7))
    assert [code_of(frame) for frame in found.frames] == list(found.indices)
    assert np.abs(found.frames[2].astype(int) - expected[14]).mean() < 3
    assert decode_video(path, lambda _: []).count == 40


def test_opencv_tells_a_truncated_file_and_a_large_one(
    tmp_path: Path, make_clip: ClipMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_clip(tmp_path / "whole.mp4", 60, FASTSTART)
    path = cut(whole, tmp_path / "cut.mp4", 0.6, b"mdat")
    monkeypatch.setattr(decoding.av, "open", refuse_to_open)
    found = decode_video(path, lambda count: [count - 3])
    assert (found.status, found.reason) == (TRUNCATED, f"{found.count} of 60 frames can be decoded")
    assert code_of(found.frames[0]) == found.count - 3
    monkeypatch.setattr(decoding, "MAX_PIXELS", 100)
    with pytest.raises(DecodingError, match=r"^64 x 64 pixels, at most 100 allowed$"):
        decode_video(path, lambda _: [0])


@pytest.mark.parametrize("error", [decoding._UnexpectedError(), av.error.InvalidDataError(1, "x")])
def test_anything_unexpected_leads_to_reading_all(
    clips: Callable[[str], tuple[Path, list[Image]]],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    path, expected = clips("h264, b-frames")

    def fail(*_: Any) -> Iterator[Any]:
        raise error

    monkeypatch.setattr(decoding, "_decode_run", fail)
    assert_exact(path, expected, [4, 20])


def frame(pts: int | None, key: bool = False, corrupt: bool = False) -> Any:
    return type("Frame", (), {"pts": pts, "key_frame": key, "is_corrupt": corrupt})()


@pytest.mark.parametrize(
    ("frames", "entry"),
    [
        ([frame(None)], None),
        ([frame(1), frame(1)], None),
        ([frame(2), frame(1)], None),
        ([frame(1), frame(2, corrupt=True)], None),
        ([frame(3), frame(6, key=True)], 5),
        ([frame(5), frame(6)], 5),
    ],
    ids=["no stamp", "twice", "order", "corrupt", "other start", "no keyframe"],
)
def test_what_is_unexpected(frames: list[Any], entry: int | None) -> None:
    with pytest.raises(decoding._UnexpectedError):
        list(decoding._expected(iter(frames), entry))


def test_frames_before_the_keyframe_do_not_count() -> None:
    given = [frame(3, corrupt=True), frame(5, key=True), frame(6)]
    assert [each.pts for each in decoding._expected(iter(given), 5)] == [5, 6]
    assert [each.pts for each in decoding._expected(iter(given[1:]), None)] == [5, 6]


def test_names_that_ffmpeg_would_take_for_an_address(
    tmp_path: Path, make_clip: ClipMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "plain.mp4", 5).rename(tmp_path / "pipe:0%03d ü.mp4")
    found = decode_video(Path("pipe:0%03d ü.mp4"), lambda _: [3])
    assert code_of(found.frames[0]) == 3


def test_the_same_file_twice(tmp_path: Path, make_clip: ClipMaker) -> None:
    """The same twice: nothing is left over from one call to the next."""
    path = make_clip(tmp_path / "a.mp4", 30)
    first, second = (decode_video(path, lambda count: list(range(count))) for _ in range(2))
    pairs = itertools.zip_longest(first.frames, second.frames)
    assert all(np.array_equal(one, other) for one, other in pairs)
    assert math.isclose(first.fps, 25)
