"""Chosen frames of a video file, with exact indices, decoding no more than needed.

Frame i is the i-th frame that reading the file from its start gives. The packets are read once
without decoding, which is cheap and tells the time stamp of every frame. Then only packets from a
keyframe to a wanted frame are decoded, and a frame is taken by its exact time stamp. Nothing is
sought by number or time: that gives other frames where the rate varies, and in transport streams.
A file with anything unusual is decoded from start to end instead, and what PyAV cannot read goes to
OpenCV.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.error import FFmpegError

from deepfake.core.image import MAX_PIXELS, Image
from deepfake.video.pixels import upright_rgb
from deepfake.video.record import DAMAGED, OK, TRUNCATED

# AV_LOG_QUIET for the FFmpeg in OpenCV, which reads it when the process opens its first video;
# there is no call for it. That of PyAV is silent anyway.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


# Codecs in which a packet always is one frame, with the bytes it must have for that: smaller ones
# of MPEG-4 may say "not coded" and give none (FFmpeg's mpeg4_unpack_bframes, MAX_NVOP_SIZE). In
# others, such as VP8 with its hidden frames, counting packets does not count frames.
ONE_FRAME_A_PACKET = {"h264": 1, "hevc": 1, "vp9": 1, "av1": 1, "mjpeg": 1, "mpeg4": 20}

# Codecs in which a frame that is no reference can be left out without a trace in the others. In
# HEVC it may still be a reference of a higher temporal layer.
SKIPPABLE = {"h264", "mpeg4"}

# Containers with the duration in their header; of others FFmpeg guesses it, from the bit rate say.
TELL_DURATION = {"matroska", "webm", "flv", "asf"}
TOLERANCE = 0.25  # seconds, and two frames: by so much rounding and audio padding may be wrong

Choose = Callable[[int], list[int]]


class DecodingError(Exception):
    """No frame can be had from the file; the text says why, in words for a table."""


class _NotByPyAVError(DecodingError):
    """PyAV gives no frame; another reader may."""


class _UnexpectedError(Exception):
    """Decoding single frames did not give what it should; reading everything helps."""


@dataclass(frozen=True)
class Decoded:
    """Frames of a video and what is known about it.

    Attributes:
        status: ok; truncated (the file stops early); damaged (trouble, with frames after it).
            Damage in parts that no chosen frame depends on is not looked for.
        reason: why the status is not ok, with numbers, else "".
        frames: the chosen frames, height x width x 3, RGB, 0..255, upright.
        indices: which frames they are, counted from 0 in reading order.
        count: frames that can be decoded.
        width, height: pixels, after the rotation the file asks for.
        fps: mean frames per second as the file claims, rounded to 3 digits; 0 if it does not.
        codec: FFmpeg's name, such as h264.
    """

    status: str
    reason: str
    frames: list[Image]
    indices: tuple[int, ...]
    count: int
    width: int
    height: int
    fps: float
    codec: str


class _Packet(NamedTuple):
    """A video packet without its data; an edit list may decide that it is not shown."""

    pts: int
    key: bool
    shown: bool


@dataclass(frozen=True)
class _Survey:
    """What reading the packets tells.

    Attributes:
        packets: in file order.
        regular: shown packets by time stamp are the frames, so single ones can be decoded.
        promised: packets that the container announces, 0 if it does not.
        missing: seconds of the announced duration that are not there.
        broken: the packets after these cannot be read.
    """

    packets: list[_Packet]
    regular: bool
    promised: int
    missing: float
    broken: bool

    @property
    def shown(self) -> list[int]:
        """Positions of the shown packets, by time stamp."""
        shown = [at for at, packet in enumerate(self.packets) if packet.shown]
        return sorted(shown, key=lambda at: self.packets[at].pts)


@dataclass(frozen=True)
class _Reading:
    """Frames by index, how many there are, and how many are missing or damaged."""

    frames: dict[int, Image]
    count: int
    bad: int = 0
    bad_end: bool = False  # nothing was decoded after the first bad one


def decode_video(path: Path, choose: Choose) -> Decoded:
    """Decode chosen frames of a video file, with exact indices.

    Args:
        path: the file.
        choose: given the number of frames, the wanted indices, ascending and below that number. It
            is asked again where the number that the packets promise turns out to be wrong.

    Raises:
        DecodingError: no frame can be had from the file.
        ValueError: `choose` gave indices that are not ascending or do not exist.

    >>> middle = decode_video(Path("clip.mp4"), lambda count: [count // 2])  # doctest: +SKIP
    >>> middle.indices, middle.frames[0].shape  # doctest: +SKIP
    ((150,), (720, 1280, 3))
    """
    check_file(path)
    try:
        return _read_with_pyav(path, choose)
    except _NotByPyAVError as error:
        decoded = _read_with_opencv(path, choose)
        if decoded is None:
            raise DecodingError(str(error)) from error
        return decoded


def check_file(path: Path) -> None:
    """Tell what the file system knows, in the same words whatever the decoder."""
    try:
        if path.is_dir():
            raise DecodingError("is a folder")
        if not path.exists():
            raise DecodingError("broken link" if path.is_symlink() else "no such file")
        if not path.is_file():
            raise DecodingError("not a regular file")
        with path.open("rb") as file:
            if not file.read(1):
                raise DecodingError("empty file")
    except PermissionError as error:
        raise DecodingError("no permission") from error
    except OSError as error:
        raise DecodingError("cannot be read") from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise DecodingError(f"{width} x {height} pixels, at most {MAX_PIXELS} allowed")


def _ask(choose: Choose, count: int) -> list[int]:
    wanted = choose(count) if count else []
    if any(later <= index for index, later in zip([-1, *wanted], [*wanted, count], strict=True)):
        raise ValueError(f"not ascending indices of {count} frames: {wanted}")
    return wanted


def _read_with_pyav(path: Path, choose: Choose) -> Decoded:
    with _open(path) as (container, stream):
        survey = _survey(container, stream)
        fps = round(float(stream.average_rate or 0), 3)
        codec = stream.codec_context.codec.canonical_name
    wanted = _ask(choose, len(survey.shown))
    # Where none is wanted one is decoded all the same: to see that it can be, and its size.
    reading = _read_chosen(path, survey, wanted or [0]) if survey.regular else None
    if reading is None:
        reading = _read_all(path, survey, wanted or [0])
        if reading.count not in (0, len(survey.shown)):
            wanted = _ask(choose, reading.count)
            reading = _read_all(path, survey, wanted or [0])
    if not reading.frames:
        raise _NotByPyAVError("no frame can be decoded")
    height, width = next(iter(reading.frames.values())).shape[:2]
    return Decoded(
        *_verdict(survey, reading),
        frames=[reading.frames[index] for index in wanted],
        indices=tuple(wanted),
        count=reading.count,
        width=width,
        height=height,
        fps=fps,
        codec=codec,
    )


@contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Any]]:
    """A container and its first video stream, whose decoder has one thread.

    Raises:
        DecodingError: there is no video in it, or its frames would be too large.
    """
    # With "file:" and the white list neither a name nor a playlist makes FFmpeg open an address.
    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        raise _NotByPyAVError("not a video") from error
    with container:
        if container.format.name == "tty":  # FFmpeg draws texts as "ANSI art"
            raise DecodingError("not a video")
        streams = container.streams.video
        videos = [s for s in streams if not s.disposition & s.disposition.attached_pic]
        if not videos:
            raise DecodingError("no video stream")
        decoder = videos[0].codec_context
        if decoder is None:
            raise _NotByPyAVError("no decoder for its codec")
        _check_size(decoder.width, decoder.height)
        decoder.options = {"max_pixels": str(MAX_PIXELS)}
        decoder.thread_count = 1  # the processes over videos are the parallelism
        yield container, videos[0]


def _packets(container: Any, streams: Any) -> Iterator[Any]:
    """Packets with data; one without would tell a decoder that the video is over."""
    return (packet for packet in container.demux(streams) if packet.size)


def _survey(container: Any, stream: Any) -> _Survey:
    """Read the packets without decoding: of all streams if the header tells how long they are."""
    names = set(container.format.name.split(","))
    rate = float(stream.average_rate or 25)
    timed = bool(names & TELL_DURATION and container.duration)
    smallest = ONE_FRAME_A_PACKET.get(stream.codec_context.codec.canonical_name)
    packets: list[_Packet] = []
    end, broken = 0.0, False
    one_each = stream.codec_context.field_order <= 1  # else fields may come in packets of their own
    try:
        for packet in _packets(container, () if timed else stream):
            end = max(end, float(((packet.pts or 0) + (packet.duration or 0)) * packet.time_base))
            if packet.stream_index == stream.index:
                one_each &= packet.pts is not None and not packet.is_corrupt
                one_each &= smallest is not None and packet.size >= smallest
                shown = not packet.is_discard
                packets.append(_Packet(packet.pts or 0, packet.is_keyframe, shown))
    except FFmpegError:
        broken = True
    promised, seconds = stream.frames, container.duration / av.time_base if timed else 0.0
    if "mp4" in names:  # its index holds what an edit list leaves
        promised = len(stream.index_entries)
    elif "avi" in names:  # it counts empty places for frames that did not change
        promised, seconds = 0, stream.frames / rate
    missing = seconds - end if seconds - end > TOLERANCE + 2 / rate else 0.0
    whole = promised in (0, len(packets)) and not missing and not broken
    regular = one_each and whole and _starts_at_a_keyframe(packets)
    return _Survey(packets, regular, promised, missing, broken)


def _starts_at_a_keyframe(packets: list[_Packet]) -> bool:
    """Whether time stamps order all frames, and none is shown before the first keyframe.

    Such frames refer to some that were cut off, and decoders drop them.
    """
    stamps = [packet.pts for packet in packets if packet.shown or packet is packets[0]]
    ordered = bool(stamps) and len(set(stamps)) == len(stamps)
    return ordered and packets[0].key and packets[0].pts == min(stamps)


def _verdict(survey: _Survey, reading: _Reading) -> tuple[str, str]:
    """Status and reason."""
    packets, shown = len(survey.packets), len(survey.shown)
    if survey.promised > packets:
        promised = survey.promised - packets + shown
        return TRUNCATED, f"{reading.count} of {promised} frames can be decoded"
    if survey.missing:
        return TRUNCATED, f"{survey.missing:.1f} s are missing after {reading.count} frames"
    if survey.broken:
        return TRUNCATED, f"the file cannot be read on after {reading.count} frames"
    if reading.bad and reading.bad_end:
        return TRUNCATED, f"the last {reading.bad} of {shown} frames are missing or damaged"
    if reading.bad:
        return DAMAGED, f"{reading.bad} of {shown} frames are missing or damaged"
    return OK, ""


def _runs(packets: list[_Packet], wanted: list[int]) -> list[range]:
    """Positions, in file order, of the packets that frames at the positions `wanted` need.

    A frame needs the packets from the last keyframe that is shown before it. `wanted` is in the
    order in which frames are shown, so runs are in file order and do not overlap.

    >>> group = [_Packet(0, True, True), _Packet(2, False, True), _Packet(1, False, True)]
    >>> later = [_Packet(3, True, True), _Packet(5, False, True), _Packet(4, False, True)]
    >>> _runs(group + later, [2, 4])
    [range(0, 3), range(3, 5)]
    """
    keys = [at for at, packet in enumerate(packets) if packet.key and packet.shown]
    runs: list[range] = []
    for at in wanted:
        before = (k for k in keys if k <= at and packets[k].pts <= packets[at].pts)
        start = max(before, default=0)
        if runs and start < runs[-1].stop:
            runs[-1] = range(runs[-1].start, max(at + 1, runs[-1].stop))
        else:
            runs.append(range(start, at + 1))
    return runs


def _read_chosen(path: Path, survey: _Survey, wanted: list[int]) -> _Reading | None:
    """Frames at the indices `wanted`, or None where only reading everything helps."""
    packets, shown = survey.packets, survey.shown
    due = {packets[shown[index]].pts: index for index in wanted}
    frames: dict[int, Image] = {}
    try:
        with _open(path) as (container, stream):
            supply = enumerate(_packets(container, stream))
            for run in _runs(packets, [shown[index] for index in wanted]):
                decoded = _decode_run(stream.codec_context, supply, packets, run, set(due))
                for frame in _expected(decoded, packets[run.start].pts if run.start else None):
                    if frame.pts in due:
                        frames[due[frame.pts]] = _pixels(frame)
    except (FFmpegError, _UnexpectedError):
        return None
    return _Reading(frames, len(shown)) if list(frames) == wanted else None


def _decode_run(
    decoder: Any, supply: Iterator[Any], packets: list[_Packet], run: range, due: set[int]
) -> Iterator[Any]:
    """The frames that a run of packets gives; those that nothing needs may be left out."""
    skippable = decoder.codec.canonical_name in SKIPPABLE
    for position, packet in supply:
        if position >= run.start:
            if packet.pts != packets[position].pts:
                raise _UnexpectedError("not the packet that it was at the first reading")
            skip = skippable and packet.pts not in due
            decoder.skip_frame = "NONREF" if skip else "DEFAULT"
            yield from decoder.decode(packet)
        if position == run.stop - 1:
            break
    yield from decoder.decode(None)
    decoder.flush_buffers()


def _expected(frames: Iterator[Any], entry: int | None) -> Iterator[Any]:
    """Frames from the keyframe with time stamp `entry` on, or all (None), if they are as expected.

    Frames shown before the keyframe refer to some that were not decoded. One that promises a full
    picture only some frames later does not come out as a keyframe.
    """
    last = None
    for frame in frames:
        if frame.pts is None:
            raise _UnexpectedError("a frame without time stamp")
        if entry is not None and frame.pts < entry:
            continue
        if entry is not None and last is None and not (frame.pts == entry and frame.key_frame):
            raise _UnexpectedError("no keyframe where it should be")
        if frame.is_corrupt or (last is not None and frame.pts <= last):
            raise _UnexpectedError("a corrupt frame, or one out of order")
        last = frame.pts
        yield frame


def _read_all(path: Path, survey: _Survey, wanted: list[int]) -> _Reading:
    """Decode everything in order, going on after errors, and keep the frames `wanted`."""
    frames: dict[int, Image] = {}
    keep, count, position = set(wanted), 0, 0
    bad: set[int] = set()  # positions of packets
    waiting: dict[int | None, int] = {}  # time stamps of packets whose frame did not come yet
    with _open(path) as (container, stream):
        for position, packet in enumerate(_packets_and_end(container, stream)):
            if packet and not packet.is_discard:
                waiting[packet.pts] = position
            try:
                decoded = stream.codec_context.decode(packet)
            except FFmpegError:
                bad.add(position)
                continue
            for frame in decoded:
                source = waiting.pop(frame.pts, position)
                if frame.is_corrupt:
                    bad.add(source)
                if count in keep:
                    frames[count] = _pixels(frame)
                count += 1
    if survey.regular:
        bad.update(waiting.values())
    bad_end = bool(bad) and all(at in bad for at in range(min(bad), position))
    return _Reading(frames, count, len(bad), bad_end)


def _packets_and_end(container: Any, stream: Any) -> Iterator[Any]:
    """Packets as far as they can be read, then None, which makes a decoder give what it holds."""
    with suppress(FFmpegError):
        yield from _packets(container, stream)
    yield None


def _pixels(frame: Any) -> Image:
    try:
        return upright_rgb(frame)
    except (FFmpegError, ValueError) as error:
        raise _NotByPyAVError("its pixels cannot be converted") from error


def _read_with_opencv(path: Path, choose: Choose) -> Decoded | None:
    """Read in order, once more if the header's frame count was wrong; None if no frame comes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return None  # OpenCV crashes on a name that is not UTF-8
    with _capture(path) as capture:
        if not capture.isOpened():
            return None
        claimed = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
        wanted = _ask(choose, claimed)
        frames, count = _grab(capture, wanted or [0])
    if count and count != claimed:
        wanted = _ask(choose, count)
        with _capture(path) as capture:
            frames, count = _grab(capture, wanted or [0])
    if not frames:
        return None
    height, width = next(iter(frames.values())).shape[:2]
    reason = f"{count} of {claimed} frames can be decoded" if count < claimed else ""
    return Decoded(
        TRUNCATED if reason else OK,
        reason,
        frames=[frames[index] for index in wanted],
        indices=tuple(wanted),
        count=count,
        width=width,
        height=height,
        fps=round(fps, 3) if np.isfinite(fps) and fps > 0 else 0.0,
        codec=codec.decode("latin-1").strip("\0 "),
    )


@contextmanager
def _capture(path: Path) -> Iterator[cv2.VideoCapture]:
    """OpenCV's silent reader with one thread; its frames are turned as the file asks.

    Raises:
        DecodingError: the frames would be too large.
    """
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        sides = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT
        _check_size(*(int(capture.get(side)) for side in sides))
        yield capture
    finally:
        capture.release()
        cv2.utils.logging.setLogLevel(level)


def _grab(capture: cv2.VideoCapture, wanted: list[int]) -> tuple[dict[int, Image], int]:
    """Frames at the indices `wanted`, and how many frames there are."""
    frames: dict[int, Image] = {}
    keep, count = set(wanted), 0
    while capture.grab():
        if count in keep:
            decoded, frame = capture.retrieve()
            if not decoded:
                break
            frames[count] = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        count += 1
    return frames, count
