"""Truncated, damaged and unreadable videos: their status and reason, and the frames they give."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import CLIP_SIDE, FASTSTART, GROUPS, Clip, code_image, code_of, never, patched
from conftest import ClipMaker, Clips

from deepfake.video import decoded, decoding
from deepfake.video.decoded import DecodingError
from deepfake.video.decoding import decode_video
from deepfake.video.record import DAMAGED, OK, TRUNCATED


def cut(source: Path, path: Path, part: float, after: bytes = b"") -> Path:
    """The file truncated to a share `part` of what follows the bytes `after`."""
    data = source.read_bytes()
    start = data.index(after) if after else 0
    path.write_bytes(data[: start + round((len(data) - start) * part)])
    return path


def packets_of(path: Path) -> list[tuple[int, int]]:
    """Position and size of each video packet."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.size]


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
    video = decode_video(path, lambda count: list(range(count)))
    assert 20 < video.count < 50
    assert video.indices == tuple(range(video.count))
    assert [code_of(frame) for frame in video.frames[:-2]] == list(range(video.count - 2))
    assert video.status == TRUNCATED
    assert reason.format(video.count) in video.reason
    assert decode_video(whole, lambda _: [0]).status == OK


def test_empty_packets_of_avi_are_not_frames(clips: Clips) -> None:
    """The header counts them, one for each frame that did not change."""
    path, expected = clips("mpeg4, avi, gaps")
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames > 50
    assert len(expected) == 40
    assert decode_video(path, lambda _: [0]).status == OK


def test_choose_is_called_again_with_the_real_number_of_frames(
    tmp_path: Path, make_clip: ClipMaker
) -> None:
    """Zeros at the end: all packets exist, but the last ones give no frames."""
    whole = make_clip(tmp_path / "whole.mp4", 60, FASTSTART)
    sizes = packets_of(whole)
    start = sizes[48][0]
    zeros = bytes(whole.stat().st_size - start)
    path = patched(whole, tmp_path / "a.mp4", start, zeros)
    counts = []

    def choose(count: int) -> list[int]:
        counts.append(count)
        return [0, count - 1]

    video = decode_video(path, choose)
    assert counts == [60, video.count]
    assert video.count == 48
    assert [code_of(frame) for frame in video.frames] == [0, 47]
    assert (video.status, video.reason) == (
        TRUNCATED,
        "the last 12 of 60 frames are missing or damaged",
    )


@pytest.mark.parametrize("name", ["h264, b-frames", "mpeg4"])
def test_damage_in_the_middle(clips: Clips, tmp_path: Path, name: str) -> None:
    source, expected = clips(name)
    place, size = packets_of(source)[17]
    path = patched(source, tmp_path / "a.mp4", place + 4, b"\xff" * (size - 4))
    video = decode_video(path, lambda count: list(range(count)))
    assert video.status == DAMAGED
    number, words = video.reason.split(" ", 1)
    assert int(number) >= 1
    assert words == "of 40 frames are missing or damaged"
    assert np.array_equal(video.frames[-1], expected[-1])
    assert np.array_equal(video.frames[3], expected[3])
    undamaged = decode_video(path, lambda _: [3])
    assert np.array_equal(undamaged.frames[0], expected[3])


def test_damage_that_the_decoder_conceals(clips: Clips, tmp_path: Path) -> None:
    source, expected = clips("mpeg4")
    place, size = packets_of(source)[15]
    noise = np.random.default_rng(15).bytes(size - 4)
    path = patched(source, tmp_path / "a.mp4", place + 4, noise)
    video = decode_video(path, lambda count: list(range(count)))
    assert sum(not np.array_equal(*pair) for pair in zip(video.frames, expected, strict=True)) == 1
    assert (video.status, video.count) == (DAMAGED, 40)
    assert video.reason == "1 of 40 frames are missing or damaged"


def test_damage_in_a_frame_that_a_wanted_frame_needs(clips: Clips, tmp_path: Path) -> None:
    """The whole file is decoded, since its number of frames differs from the container's."""
    source, _ = clips("h264, b-frames")
    place, size = packets_of(source)[16]
    path = patched(source, tmp_path / "a.mp4", place + 4, b"\xff" * (size - 4))
    assert decode_video(path, lambda _: [21]).status == DAMAGED


def test_longer_audio_is_not_damage(tmp_path: Path) -> None:
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
        video = decode_video(path, lambda count: [count - 1])
        assert (video.status, video.count, code_of(video.frames[0])) == (OK, 30, 29)


def audio_only(path: Path) -> None:
    with av.open(str(path), "w") as output:
        audio = output.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        sound.sample_rate = 16000
        output.mux(audio.encode(sound))
        output.mux(audio.encode())


def missing(path: Path) -> None:
    assert not path.exists()


UNREADABLE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "empty": ("empty file", lambda path: path.touch()),
    "text": ("not a video", lambda path: path.write_text("this is not a video\n" * 100)),
    "noise": ("not a video", lambda path: path.write_bytes(np.random.default_rng(0).bytes(9999))),
    "playlist": ("not a video", lambda path: path.write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1/a.ts\n")),
    "header": ("not a video", lambda path: path.write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41")),
    "folder": ("is a folder", lambda path: path.mkdir()),
    "broken link": ("broken link", lambda path: path.symlink_to("nowhere")),
    "missing": ("no such file", missing),
    "audio": ("no video stream", audio_only),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.parametrize("suffix", [".mp4", ".txt"])
def test_unreadable_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str, suffix: str
) -> None:
    reason, make = UNREADABLE[kind]
    path = tmp_path / f"clip{suffix if kind != 'audio' else '.mp4'}"
    make(path)
    with pytest.raises(DecodingError) as caught:
        decode_video(path, never)  # type: ignore[arg-type]
    assert str(caught.value) == reason
    assert capfd.readouterr() == ("", "")


def test_no_permission(clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = clips("h264, b-frames")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DecodingError, match=r"^no permission$"):
        decode_video(path, lambda _: [0])


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6])
def test_truncated_before_the_index(tmp_path: Path, make_clip: ClipMaker, part: float) -> None:
    """An MP4 file cannot be read without its index, which is at the end."""
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


def test_large_claimed_size_is_rejected(tmp_path: Path) -> None:
    """All headers claim 20,000 x 20,000 pixels: 1.2 GB for a frame in RGB."""
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
        "no frame can be decoded",  # if only the frames themselves have the size
    )


def limit_pixels(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for module in (decoded, decoding):
        monkeypatch.setattr(module, "MAX_PIXELS", count)


def test_limit_on_pixels(clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = clips("h264, b-frames")
    monkeypatch.setattr(decoding, "read_with_opencv", never)
    limit_pixels(monkeypatch, CLIP_SIDE**2)
    assert decode_video(path, lambda _: [0]).width == CLIP_SIDE
    limit_pixels(monkeypatch, CLIP_SIDE**2 - 1)
    with pytest.raises(DecodingError, match=r"^64 x 64 pixels, at most 4095 allowed$"):
        decode_video(path, lambda _: [0])


def fail_to_open(*_: Any, **__: Any) -> None:
    raise av.error.InvalidDataError(1, "Invalid data")


@pytest.mark.parametrize("name", ["h264, b-frames", "h264, live mkv", "vp9", "mpeg4, avi"])
def test_opencv_reads_files_that_pyav_cannot(
    clips: Clips, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path, expected = clips(name)
    monkeypatch.setattr(decoding.av, "open", fail_to_open)
    video = decode_video(path, lambda count: list(range(0, count, 7)))
    assert (video.status, video.count, video.fps) == (OK, 40, 25.0)
    assert video.indices == tuple(range(0, 40, 7))
    assert [code_of(frame) for frame in video.frames] == list(video.indices)
    assert np.abs(video.frames[2].astype(int) - expected[14]).mean() < 3
    assert decode_video(path, lambda _: []).count == 40


def test_opencv_reports_truncated_and_large_files(
    tmp_path: Path, make_clip: ClipMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_clip(tmp_path / "whole.mp4", 60, FASTSTART)
    path = cut(whole, tmp_path / "cut.mp4", 0.6, b"mdat")
    monkeypatch.setattr(decoding.av, "open", fail_to_open)
    video = decode_video(path, lambda count: [count - 3])
    assert (video.status, video.reason) == (TRUNCATED, f"{video.count} of 60 frames can be decoded")
    assert code_of(video.frames[0]) == video.count - 3
    limit_pixels(monkeypatch, 100)
    with pytest.raises(DecodingError, match=r"^64 x 64 pixels, at most 100 allowed$"):
        decode_video(path, lambda _: [0])
