"""Chosen frames of a video are those of sequential reading, whatever codec and container."""

import itertools
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
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
    clips: Clips, monkeypatch: pytest.MonkeyPatch, name: str
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
    clips: Clips, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """So that the clips above without the fast path are not there for nothing."""
    path, _ = clips(name)
    monkeypatch.setattr(decoding, "_read_all", never)
    with pytest.raises(AssertionError, match="may not be called"):
        decode_video(path, lambda count: [count - 1])


def test_what_is_known_of_a_clip(clips: Clips) -> None:
    found = decode_video(clips("h264, odd")[0], lambda _: [3, 5])
    assert (found.width, found.height, found.fps, found.codec) == (63, 61, 25.0, "h264")
    assert [frame.shape for frame in found.frames] == [(61, 63, 3)] * 2
    assert all(frame.dtype == np.uint8 and frame.flags.c_contiguous for frame in found.frames)
    names = {
        name: decode_video(clips(name)[0], lambda _: []).codec for name in ("av1", "vp9", "gif")
    }
    assert names == {"av1": "av1", "vp9": "vp9", "gif": "gif"}


@pytest.mark.parametrize("name", ["h264, b-frames", "gif"])
def test_no_frame_wanted(clips: Clips, name: str) -> None:
    found = decode_video(clips(name)[0], lambda _: [])
    assert (found.frames, found.indices, found.count) == ([], (), 40)
    assert (found.status, found.width, found.height) == (OK, CLIP_SIDE, CLIP_SIDE)


@pytest.mark.parametrize("wanted", [[40], [-1], [3, 3], [5, 2]])
def test_indices_that_cannot_be(clips: Clips, wanted: list[int]) -> None:
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
    clips: Clips,
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


@pytest.mark.parametrize("cut", [1, 7, 12, 20])
def test_packets_that_an_edit_list_cuts_off_are_no_frames(
    clips: Clips,
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
    clips: Clips, tmp_path: Path, name: str
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


@pytest.mark.parametrize(("width", "height"), [(0, 0), (20000, 20000)])
def test_size_in_the_container_alone_is_wrong(
    clips: Clips, tmp_path: Path, width: int, height: int
) -> None:
    """The stream itself knows better."""
    source, expected = clips("h264, b-frames")
    at = source.read_bytes().index(b"avc1", source.read_bytes().index(b"stsd")) + 28
    path = patched(source, tmp_path / "a.mp4", at, struct.pack(">HH", width, height))
    assert_exact(path, expected, [7, 30])


@pytest.mark.parametrize("error", [decoding._UnexpectedError(), av.error.InvalidDataError(1, "x")])
def test_anything_unexpected_leads_to_reading_all(
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
