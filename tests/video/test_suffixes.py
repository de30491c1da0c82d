"""Every file that is found in folders, by its suffix, can be decoded, also when it is uploaded."""

import tarfile
from pathlib import Path

import av
import pillow_heif
import pytest
from clips import code_image
from pictures import picture

from deepfake.core import archive
from deepfake.core.media import (
    ARCHIVE_SUFFIXES,
    HEAD_BYTES,
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    kind_by_content,
    kind_by_name,
)
from deepfake.video.frame_archive import frame_archive

OTHER_CODECS = {  # of containers that may not hold H.264
    **dict.fromkeys([".mpg", ".mpeg", ".mpe", ".m1v"], "mpeg1video"),
    **dict.fromkeys([".ts", ".vob", ".mxf", ".m2v"], "mpeg2video"),
    **dict.fromkeys([".wmv", ".asf"], "wmv2"),
    **dict.fromkeys([".avi", ".divx"], "mpeg4"),
    **{".webm": "libvpx", ".ogv": "libvpx", ".flv": "flv", ".gif": "gif"},
}
CONTAINERS = {  # that PyAV does not choose by the suffix
    **{".qt": "mov", ".divx": "avi", ".m2t": "mpegts", ".mpe": "mpeg"},
    **{".m1v": "mpeg1video", ".m2v": "mpeg2video"},
}


def write_clip(path: Path) -> None:
    with av.open(str(path), "w", format=CONTAINERS.get(path.suffix)) as output:
        stream = output.add_stream(OTHER_CODECS.get(path.suffix, "libx264"), rate=25)
        stream.width = stream.height = code_image(0).shape[0]
        stream.pix_fmt = "rgb8" if path.suffix == ".gif" else "yuv420p"
        for index in range(8):
            frame = av.VideoFrame.from_ndarray(code_image(index), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


def write_image(path: Path) -> None:
    if path.suffix in {".heic", ".heif", ".hif"}:
        pillow_heif.from_pillow(picture()).save(path.with_suffix(".heic"))
        path.with_suffix(".heic").rename(path)
    else:
        image = picture().convert("1") if path.suffix == ".pbm" else picture()
        image.save(path, "BMP" if path.suffix == ".dib" else None)


def check(path: Path, kind: str) -> None:
    assert kind_by_name(path) == kind
    meta = archive.unpack_meta(frame_archive(path, kind, 4, 1, 95, "yuv444"), path.name)
    assert (meta["status"], meta["reason"]) == ("ok", "")


@pytest.mark.parametrize("suffix", sorted(VIDEO_SUFFIXES))
def test_a_video_with_this_suffix_is_decoded(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    write_clip(path)
    check(path, "video")
    assert kind_by_content(path.read_bytes()[:HEAD_BYTES]) == "video"


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_an_image_with_this_suffix_is_decoded(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    write_image(path)
    check(path, "image")
    assert kind_by_content(path.read_bytes()[:HEAD_BYTES]) == "image"


@pytest.mark.parametrize("suffix", ARCHIVE_SUFFIXES)
def test_an_archive_with_this_suffix_is_decoded(tmp_path: Path, suffix: str) -> None:
    picture().save(tmp_path / "0.png")
    path = tmp_path / f"frames{suffix}"
    with tarfile.open(path, "w" if suffix == ".tar" else "w:gz") as tar:
        tar.add(tmp_path / "0.png", "0.png")
    check(path, "frames")
