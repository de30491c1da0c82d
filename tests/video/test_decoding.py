"""Chosen frames equal those of sequential decoding, for all codecs and containers."""

import itertools
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from clips import CLIP_SIDE, CLIPS, GROUPS, Clip, code_of, never, patched, sequential
from conftest import ClipMaker, Clips
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfake.core.image import Image
from deepfake.video import decoding
from deepfake.video.decoding import decode_video
from deepfake.video.record import OK

EDIT = 8  # bytes from "elst" to its first entry


def assert_exact(path: Path, expected: list[Image], wanted: list[int]) -> None:
    """Decoding the frames `wanted` gives those of `expected`, all frames of the file."""
    counts = []

    def choose(count: int) -> list[int]:
        counts.append(count)
        return wanted

    video = decode_video(path, choose)
    assert video.count == counts[-1] == len(expected)
    assert video.indices == tuple(wanted)
    assert all(
        np.array_equal(frame, expected[i]) for i, frame in zip(wanted, video.frames, strict=True)
    )
    assert (video.status, video.reason) == (OK, "")


@pytest.mark.parametrize("name", CLIPS)
def test_frames_equal_those_of_sequential_decoding(
    clips: Clips, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, expected = clips(name)
    count = CLIPS[name].count
    assert len(expected) == count
    if CLIPS[name].height == CLIPS[name].width:
        assert [code_of(frame) for frame in expected] == list(range(count))
    if CLIPS[name].fast:
        monkeypatch.setattr(decoding, "_decode_all", never)
    for index in range(count):
        assert_exact(path, expected, [index])
    for step in (1, 3, 11):
        assert_exact(path, expected, list(range(0, count, step)))
    assert_exact(path, expected, sorted({0, count - 1}))


@pytest.mark.parametrize("name", [name for name, clip in CLIPS.items() if not clip.fast])
def test_unusual_files_are_decoded_from_start_to_end(
    clips: Clips, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Without it, clips with fast=False would not test the slow path."""
    path, _ = clips(name)
    monkeypatch.setattr(decoding, "_decode_all", never)
    with pytest.raises(AssertionError, match="must not be called"):
        decode_video(path, lambda count: [count - 1])


def test_properties_of_a_video(clips: Clips) -> None:
    video = decode_video(clips("h264, odd")[0], lambda _: [3, 5])
    assert (video.width, video.height, video.fps, video.codec) == (63, 61, 25.0, "h264")
    assert [frame.shape for frame in video.frames] == [(61, 63, 3)] * 2
    assert all(frame.dtype == np.uint8 and frame.flags.c_contiguous for frame in video.frames)
    names = {
        name: decode_video(clips(name)[0], lambda _: []).codec for name in ("av1", "vp9", "gif")
    }
    assert names == {"av1": "av1", "vp9": "vp9", "gif": "gif"}


@pytest.mark.parametrize("name", ["h264, b-frames", "gif"])
def test_no_frame_wanted(clips: Clips, name: str) -> None:
    video = decode_video(clips(name)[0], lambda _: [])
    assert (video.frames, video.indices, video.count) == ([], (), 40)
    assert (video.status, video.width, video.height) == (OK, CLIP_SIDE, CLIP_SIDE)


@pytest.mark.parametrize("wanted", [[40], [-1], [3, 3], [5, 2]])
def test_invalid_indices(clips: Clips, wanted: list[int]) -> None:
    with pytest.raises(ValueError, match="not ascending indices of 40 frames"):
        decode_video(clips("h264, b-frames")[0], lambda _: wanted)


class CountingDecoder:
    """A decoder that counts its input packets and output frames."""

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
    """A function that counts the packets into and the frames out of the decoder."""
    decode_run = decoding._decode_run
    monkeypatch.setattr(
        decoding, "_decode_run", lambda decoder, *rest: decode_run(CountingDecoder(decoder), *rest)
    )
    monkeypatch.setattr(decoding, "_decode_all", never)

    def count(path: Path, wanted: list[int]) -> tuple[int, int]:
        COUNTS.clear()
        decode_video(path, lambda _: wanted)
        return sum(packet for packet, _ in COUNTS), sum(frames for _, frames in COUNTS)

    return count


def test_only_needed_packets_are_decoded(
    clips: Clips,
    counts: Callable[[Path, list[int]], tuple[int, int]],
) -> None:
    """Groups have 8 packets: I P B B B P B B, shown as I B B B P B B P or similar."""
    path, _ = clips("h264, b-frames")
    assert counts(path, [16]) == (1, 1)  # a keyframe in the middle
    packets, frames = counts(path, [16, 39])
    assert packets <= 1 + 8
    assert frames < packets  # non-reference B-frames are skipped
    packets, _ = counts(path, [2, 20, 36])
    assert packets <= 8 + 8 + 8
    assert counts(path, list(range(40))) == (40, 40)


def test_one_group_is_decoded_once_up_to_the_last_wanted_frame(
    clips: Clips,
    counts: Callable[[Path, list[int]], tuple[int, int]],
) -> None:
    path, _ = clips("h264, one group")
    with av.open(str(path)) as container:
        stored = [packet.pts for packet in container.demux(video=0) if packet.size]
    packets, frames = counts(path, [3, 10, 20])
    assert packets == stored.index(sorted(stored)[20]) + 1
    assert frames < packets


def test_runs_are_in_file_order_and_do_not_overlap() -> None:
    """A frame shown before a keyframe but stored after it belongs to the previous group."""
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
        patch.setattr(decoding, "_decode_all", never)
        assert_exact(path, sequential(path), wanted)


@pytest.mark.parametrize("cut", [1, 7, 12, 20])
def test_packets_cut_off_by_an_edit_list_are_not_frames(
    clips: Clips,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cut: int,
) -> None:
    monkeypatch.setattr(decoding, "_decode_all", never)
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
def test_frames_before_the_first_keyframe_are_not_counted(
    clips: Clips, tmp_path: Path, name: str
) -> None:
    """A recording cut at its start: decoders drop frames that refer to the missing part."""
    path, numbers = tmp_path / "tail.mkv", []
    with av.open(str(clips(name)[0])) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        third = [at for at, packet in enumerate(packets) if packet.is_keyframe][2]
        for packet in packets[third:]:
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


@pytest.mark.parametrize(("width", "height"), [(0, 0), (20000, 20000)])
def test_wrong_size_in_the_container_only(
    clips: Clips, tmp_path: Path, width: int, height: int
) -> None:
    """The size in the stream is used."""
    source, expected = clips("h264, b-frames")
    at = source.read_bytes().index(b"avc1", source.read_bytes().index(b"stsd")) + 28
    path = patched(source, tmp_path / "a.mp4", at, struct.pack(">HH", width, height))
    assert_exact(path, expected, [7, 30])


@pytest.mark.parametrize("error", [decoding._SingleFrameError(), av.error.InvalidDataError(1, "x")])
def test_after_an_unexpected_result_the_whole_file_is_decoded(
    clips: Clips,
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
    ("frames", "first_pts"),
    [
        ([frame(None)], None),
        ([frame(1), frame(1)], None),
        ([frame(2), frame(1)], None),
        ([frame(1), frame(2, corrupt=True)], None),
        ([frame(3), frame(6, key=True)], 5),
        ([frame(5), frame(6)], 5),
    ],
    ids=["no time stamp", "repeated", "out of order", "corrupt", "other start", "no keyframe"],
)
def test_unexpected_frames(frames: list[Any], first_pts: int | None) -> None:
    with pytest.raises(decoding._SingleFrameError):
        list(decoding._checked(iter(frames), first_pts))


def test_frames_before_the_keyframe_are_dropped() -> None:
    given = [frame(3, corrupt=True), frame(5, key=True), frame(6)]
    assert [each.pts for each in decoding._checked(iter(given), 5)] == [5, 6]
    assert [each.pts for each in decoding._checked(iter(given[1:]), None)] == [5, 6]


def test_file_names_that_look_like_addresses(
    tmp_path: Path, make_clip: ClipMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "plain.mp4", 5).rename(tmp_path / "pipe:0%03d ü.mp4")
    video = decode_video(Path("pipe:0%03d ü.mp4"), lambda _: [3])
    assert code_of(video.frames[0]) == 3


def test_decoding_twice_gives_the_same(tmp_path: Path, make_clip: ClipMaker) -> None:
    path = make_clip(tmp_path / "a.mp4", 30)
    first, second = (decode_video(path, lambda count: list(range(count))) for _ in range(2))
    pairs = itertools.zip_longest(first.frames, second.frames)
    assert all(np.array_equal(one, other) for one, other in pairs)
    assert math.isclose(first.fps, 25)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize(("default", "shown"), [([], 0), ([0], 0), ([1], 1), ([1, 2], 1)])
def test_the_default_track_is_taken(
    tmp_path: Path, suffix: str, default: list[int], shown: int
) -> None:
    """Of three tracks; track i has the brightness 100 i."""
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as output:
        tracks = [output.add_stream("mpeg4", rate=25) for _ in range(3)]
        for index, track in enumerate(tracks):
            track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
            track.disposition = Disposition.default if index in default else Disposition(0)
        for index, track in enumerate(tracks):
            picture = np.full((48, 64, 3), 100 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            output.mux([*track.encode(frame), *track.encode()])
    (image,) = decode_video(path, lambda _: [0]).frames
    assert image.mean() == pytest.approx(100 * shown, abs=3)
