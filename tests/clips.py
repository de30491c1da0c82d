"""Clips in many codecs. Each frame shows its index."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from deepfake.core.image import Image

CLIP_SIDE = 64  # pixels
CODE_BITS = 8  # so a clip can have 256 different frames
FASTSTART = {"movflags": "faststart"}  # the index comes first, so a cut file can be opened
GROUPS = {"g": "8", "bf": "3", "b-adapt": "0", "sc_threshold": "0", "threads": "1"}


def code_image(index: int) -> Image:
    """An image that shows `index` as eight black or white columns, most significant bit first."""
    bits = [(index >> bit) & 1 for bit in reversed(range(CODE_BITS))]
    columns = np.repeat(np.array(bits, np.uint8) * 255, CLIP_SIDE // CODE_BITS)
    return np.broadcast_to(columns[None, :, None], (CLIP_SIDE, CLIP_SIDE, 3)).copy()


def code_of(image: Image) -> int:
    """The index that an image of `code_image` shows, also after lossy compression."""
    columns = image.mean(axis=(0, 2)).reshape(CODE_BITS, -1).mean(axis=1)
    return int(sum(int(on) << bit for bit, on in enumerate(columns[::-1] > 127)))


@dataclass(frozen=True)
class Clip:
    """How to encode a clip of `count` frames, in which frame i shows i."""

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
    """All frames, as PyAV reads them in order."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def patched(source: Path, path: Path, at: int, data: bytes) -> Path:
    """Copy a file to `path` and overwrite its bytes from offset `at` with `data`."""
    content = bytearray(source.read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)
    return path


def never(*_: Any) -> None:
    """Replaces a function that must not be called in a test."""
    raise AssertionError("this function must not be called")
