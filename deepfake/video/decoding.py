"""Decode chosen frames of a video file, with exact indices and no more decoding than needed.

Frame i is the i-th frame when the file is read from its start. The packets are first read without
decoding, which is cheap and gives the time stamp of every frame. Then only the packets from a keyframe
to a wanted frame are decoded, and the frame is identified by its exact time stamp. Seeking by number
or time is not used: with variable frame rates and in transport streams it gives wrong frames.

Unusual files are decoded from start to end. Files that PyAV cannot read are read with OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.error import FFmpegError

from deepfake.core.image import MAX_PIXELS, Image
from deepfake.video.decoded import (
    ChooseIndices,
    DecodedVideo,
    DecodingError,
    check_file,
    check_size,
    wanted_indices,
)
from deepfake.video.opencv_reader import read_with_opencv
from deepfake.video.pixels import displayed_rgb, displayed_stream, pixel_aspect_of
from deepfake.video.record import DAMAGED, OK, TRUNCATED

# Codecs in which every packet is one frame, and the minimum packet size in bytes for that. Smaller
# packets of MPEG-4 may be "not coded" and give no frame (FFmpeg's mpeg4_unpack_bframes,
# MAX_NVOP_SIZE). In other codecs, such as VP8 with its hidden frames, packets are not frames.
ONE_FRAME_PER_PACKET = {"h264": 1, "hevc": 1, "vp9": 1, "av1": 1, "mjpeg": 1, "mpeg4": 20}

# Codecs in which non-reference frames can be skipped without changing other frames. In HEVC such a
# frame may still be a reference of a higher temporal layer.
CODECS_WITH_SKIPPABLE_FRAMES = {"h264", "mpeg4"}

# Containers whose header has the duration. For others FFmpeg estimates it, for example from the bit
# rate.
CONTAINERS_WITH_DURATION = {"matroska", "webm", "flv", "asf"}
DURATION_TOLERANCE = 0.25  # seconds, plus two frames: for rounding and audio padding


class _PyAVError(DecodingError):
    """PyAV can decode no frame; OpenCV may."""


class _SingleFrameError(Exception):
    """Decoding single frames gave an unexpected result; the whole file must be decoded."""


class _Packet(NamedTuple):
    """A video packet without its data."""

    pts: int
    key: bool
    shown: bool  # False if the file's edit list cuts it off


@dataclass(frozen=True)
class _PacketList:
    """The packets of a video stream, and what they say about the file.

    Attributes:
        packets: in file order.
        regular: the shown packets, ordered by time stamp, are the frames, so that single frames can
            be decoded.
        announced: number of packets in the container's header; 0 if unknown.
        missing_seconds: how much shorter the video is than the duration in the header.
        unreadable_end: the file cannot be read after these packets.
    """

    packets: list[_Packet]
    regular: bool
    announced: int
    missing_seconds: float
    unreadable_end: bool

    @property
    def shown(self) -> list[int]:
        """Positions of the shown packets, ordered by time stamp."""
        shown = [position for position, packet in enumerate(self.packets) if packet.shown]
        return sorted(shown, key=lambda position: self.packets[position].pts)


@dataclass(frozen=True)
class _DecodedFrames:
    """Wanted frames by index, the number of all frames, and of those missing or damaged."""

    frames: dict[int, Image]
    count: int
    bad: int = 0
    bad_end: bool = False  # no frame was decoded after the first missing or damaged one


def decode_video(path: Path, choose: ChooseIndices) -> DecodedVideo:
    """Decode chosen frames of a video file, with exact indices.

    Args:
        path: the file.
        choose: returns the indices of the wanted frames, ascending, for a number of frames. It is
            called again if the file turns out to have another number of frames.

    Raises:
        DecodingError: no frame can be decoded.
        ValueError: the indices are not ascending, or out of range.

    >>> middle = decode_video(Path("clip.mp4"), lambda count: [count // 2])  # doctest: +SKIP
    >>> middle.indices, middle.frames[0].shape  # doctest: +SKIP
    ((150,), (720, 1280, 3))
    """
    check_file(path)
    try:
        return _read_with_pyav(path, choose)
    except _PyAVError as error:
        decoded = read_with_opencv(path, choose)
        if decoded is None:
            raise DecodingError(str(error)) from error
        return decoded


def _read_with_pyav(path: Path, choose: ChooseIndices) -> DecodedVideo:
    with _open(path) as (container, stream):
        packet_list = _list_packets(container, stream)
        fps = round(float(stream.average_rate or 0), 3)
        codec = stream.codec_context.codec.canonical_name
    wanted = wanted_indices(choose, len(packet_list.shown))
    # If no frame is wanted, one is decoded anyway: it shows that decoding works, and the size.
    decoded = _decode_chosen(path, packet_list, wanted or [0]) if packet_list.regular else None
    if decoded is None:
        decoded = _decode_all(path, packet_list, wanted or [0])
        if decoded.count not in (0, len(packet_list.shown)):
            wanted = wanted_indices(choose, decoded.count)
            decoded = _decode_all(path, packet_list, wanted or [0])
    if not decoded.frames:
        raise _PyAVError("no frame can be decoded")
    height, width = next(iter(decoded.frames.values())).shape[:2]
    return DecodedVideo(
        *_status(packet_list, decoded),
        frames=[decoded.frames[index] for index in wanted],
        indices=tuple(wanted),
        count=decoded.count,
        width=width,
        height=height,
        fps=fps,
        codec=codec,
    )


@contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Any]]:
    """A container and the video stream that a player shows, with a decoder of one thread.

    Raises:
        DecodingError: the file has no video stream, or its frames are too large.
    """
    # "file:" and the whitelist keep FFmpeg from opening addresses in file names or playlists.
    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        raise _PyAVError("not a video") from error
    with container:
        if container.format.name == "tty":  # FFmpeg decodes text files as "ANSI art"
            raise DecodingError("not a video")
        stream = displayed_stream(container)
        if stream is None:
            raise DecodingError("no video stream")
        decoder = stream.codec_context
        if decoder is None:
            raise _PyAVError("no decoder for its codec")
        check_size(decoder.width, decoder.height)
        decoder.options = {"max_pixels": str(MAX_PIXELS)}
        decoder.thread_count = 1  # videos are decoded in parallel processes
        yield container, stream


def _packets(container: Any, streams: Any) -> Iterator[Any]:
    """Packets with data; a packet without data would flush the decoder."""
    return (packet for packet in container.demux(streams) if packet.size)


def _list_packets(container: Any, stream: Any) -> _PacketList:
    """Read the packets without decoding; of all streams if the header has their duration."""
    names = set(container.format.name.split(","))
    rate = float(stream.average_rate or 25)
    has_duration = bool(names & CONTAINERS_WITH_DURATION and container.duration)
    min_size = ONE_FRAME_PER_PACKET.get(stream.codec_context.codec.canonical_name)
    packets: list[_Packet] = []
    end, unreadable_end = 0.0, False
    # In interlaced videos each field may have its own packet.
    one_frame_each = stream.codec_context.field_order <= 1
    try:
        for packet in _packets(container, () if has_duration else stream):
            end = max(end, float(((packet.pts or 0) + (packet.duration or 0)) * packet.time_base))
            if packet.stream_index == stream.index:
                one_frame_each &= packet.pts is not None and not packet.is_corrupt
                one_frame_each &= min_size is not None and packet.size >= min_size
                shown = not packet.is_discard
                packets.append(_Packet(packet.pts or 0, packet.is_keyframe, shown))
    except FFmpegError:
        unreadable_end = True
    announced, seconds = stream.frames, container.duration / av.time_base if has_duration else 0.0
    if "mp4" in names:  # its index has the packets that the edit list keeps
        announced = len(stream.index_entries)
    elif "avi" in names:  # its header also counts empty packets, for frames that did not change
        announced, seconds = 0, stream.frames / rate
    missing = seconds - end if seconds - end > DURATION_TOLERANCE + 2 / rate else 0.0
    complete = announced in (0, len(packets)) and not missing and not unreadable_end
    regular = one_frame_each and complete and _starts_at_a_keyframe(packets)
    return _PacketList(packets, regular, announced, missing, unreadable_end)


def _starts_at_a_keyframe(packets: list[_Packet]) -> bool:
    """Whether all time stamps differ, and no frame is shown before the first keyframe.

    Frames before it refer to frames that were cut off, and decoders drop them.
    """
    stamps = [packet.pts for packet in packets if packet.shown or packet is packets[0]]
    ordered = bool(stamps) and len(set(stamps)) == len(stamps)
    return ordered and packets[0].key and packets[0].pts == min(stamps)


def _status(packet_list: _PacketList, decoded: _DecodedFrames) -> tuple[str, str]:
    """Status and reason."""
    packets, shown = len(packet_list.packets), len(packet_list.shown)
    if packet_list.announced > packets:
        announced = packet_list.announced - packets + shown
        return TRUNCATED, f"{decoded.count} of {announced} frames can be decoded"
    missing = packet_list.missing_seconds
    if missing:
        return TRUNCATED, f"{missing:.1f} s are missing after {decoded.count} frames"
    if packet_list.unreadable_end:
        return TRUNCATED, f"the file cannot be read after {decoded.count} frames"
    if decoded.bad and decoded.bad_end:
        return TRUNCATED, f"the last {decoded.bad} of {shown} frames are missing or damaged"
    if decoded.bad:
        return DAMAGED, f"{decoded.bad} of {shown} frames are missing or damaged"
    return OK, ""


def _runs(packets: list[_Packet], wanted: list[int]) -> list[range]:
    """Runs of packets that must be decoded for the frames at the positions `wanted`.

    A frame needs the packets from the last keyframe shown before it. Positions count packets in file
    order. `wanted` is in the order of showing, so the runs are in file order and do not overlap.

    >>> group = [_Packet(0, True, True), _Packet(2, False, True), _Packet(1, False, True)]
    >>> later = [_Packet(3, True, True), _Packet(5, False, True), _Packet(4, False, True)]
    >>> _runs(group + later, [2, 4])
    [range(0, 3), range(3, 5)]
    """
    keys = [position for position, packet in enumerate(packets) if packet.key and packet.shown]
    runs: list[range] = []
    for position in wanted:
        earlier = (k for k in keys if k <= position and packets[k].pts <= packets[position].pts)
        start = max(earlier, default=0)
        if runs and start < runs[-1].stop:
            runs[-1] = range(runs[-1].start, max(position + 1, runs[-1].stop))
        else:
            runs.append(range(start, position + 1))
    return runs


def _decode_chosen(
    path: Path, packet_list: _PacketList, wanted: list[int]
) -> _DecodedFrames | None:
    """Decode the frames at the indices `wanted`; None if the whole file must be decoded."""
    packets, shown = packet_list.packets, packet_list.shown
    index_of = {packets[shown[index]].pts: index for index in wanted}
    frames: dict[int, Image] = {}
    try:
        with _open(path) as (container, stream):
            source = enumerate(_packets(container, stream))
            for run in _runs(packets, [shown[index] for index in wanted]):
                decoded = _decode_run(stream.codec_context, source, packets, run, set(index_of))
                for frame in _checked(decoded, packets[run.start].pts if run.start else None):
                    if frame.pts in index_of:
                        frames[index_of[frame.pts]] = _to_rgb(frame, stream)
    except (FFmpegError, _SingleFrameError):
        return None
    return _DecodedFrames(frames, len(shown)) if list(frames) == wanted else None


def _decode_run(
    decoder: Any, source: Iterator[Any], packets: list[_Packet], run: range, wanted: set[int]
) -> Iterator[Any]:
    """The frames of a run of packets; frames that are neither wanted nor needed may be missing.

    Args:
        decoder: PyAV's codec context.
        source: positions and packets of the file, from which this run is read.
        packets: all packets of the stream.
        run: positions of the packets to decode.
        wanted: time stamps of the wanted frames.
    """
    can_skip = decoder.codec.canonical_name in CODECS_WITH_SKIPPABLE_FRAMES
    for position, packet in source:
        if position >= run.start:
            if packet.pts != packets[position].pts:
                raise _SingleFrameError("the packet differs from the first reading")
            skip = can_skip and packet.pts not in wanted
            decoder.skip_frame = "NONREF" if skip else "DEFAULT"
            yield from decoder.decode(packet)
        if position == run.stop - 1:
            break
    yield from decoder.decode(None)
    decoder.flush_buffers()


def _checked(frames: Iterator[Any], first_pts: int | None) -> Iterator[Any]:
    """The frames from the keyframe with time stamp `first_pts`, or all frames if it is None.

    Frames shown before the keyframe are dropped, because they refer to frames that were not decoded.

    Raises:
        _SingleFrameError: a frame is corrupt, out of order or without time stamp, or the first one
            is not a keyframe. It is none with intra refresh, where the picture is complete only
            some frames later.
    """
    last = None
    for frame in frames:
        if frame.pts is None:
            raise _SingleFrameError("a frame has no time stamp")
        if first_pts is not None and frame.pts < first_pts:
            continue
        is_first = first_pts is not None and last is None
        if is_first and not (frame.pts == first_pts and frame.key_frame):
            raise _SingleFrameError("the first frame is not the keyframe")
        if frame.is_corrupt or (last is not None and frame.pts <= last):
            raise _SingleFrameError("a frame is corrupt or out of order")
        last = frame.pts
        yield frame


def _decode_all(path: Path, packet_list: _PacketList, wanted: list[int]) -> _DecodedFrames:
    """Decode the whole file in order, continue after errors, and keep the frames `wanted`."""
    frames: dict[int, Image] = {}
    keep, count, position = set(wanted), 0, 0
    bad: set[int] = set()  # positions of packets whose frame is missing or damaged
    pending: dict[int | None, int] = {}  # positions by time stamp of packets without frame so far
    with _open(path) as (container, stream):
        for position, packet in enumerate(_packets_and_end(container, stream)):
            if packet and not packet.is_discard:
                pending[packet.pts] = position
            try:
                decoded = stream.codec_context.decode(packet)
            except FFmpegError:
                bad.add(position)
                continue
            for frame in decoded:
                source = pending.pop(frame.pts, position)
                if frame.is_corrupt:
                    bad.add(source)
                if count in keep:
                    frames[count] = _to_rgb(frame, stream)
                count += 1
    if packet_list.regular:
        bad.update(pending.values())
    bad_end = bool(bad) and all(later in bad for later in range(min(bad), position))
    return _DecodedFrames(frames, count, len(bad), bad_end)


def _packets_and_end(container: Any, stream: Any) -> Iterator[Any]:
    """Packets as far as the file can be read, then None, which flushes the decoder."""
    with suppress(FFmpegError):
        yield from _packets(container, stream)
    yield None


def _to_rgb(frame: Any, stream: Any) -> Image:
    try:
        return displayed_rgb(frame, pixel_aspect_of(stream))
    except (FFmpegError, ValueError) as error:
        raise _PyAVError("its pixels cannot be converted to RGB") from error
