"""What a file is, by its first bytes, and the suffixes that the documentation lists."""

import re
from pathlib import Path

import pytest

from deepfake.core.media import (
    ARCHIVE_SUFFIXES,
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    kind_by_content,
    kind_by_name,
)


def test_the_documentation_lists_every_suffix(repository: Path) -> None:
    text = (repository / "docs/your-data.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (videos|images|frames of one video) \| `([^`]+)`", text, re.M))
    assert {name: {*suffixes.split()} for name, suffixes in rows.items()} == {
        "videos": VIDEO_SUFFIXES,
        "images": IMAGE_SUFFIXES,
        "frames of one video": {*ARCHIVE_SUFFIXES},
    }


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        (b"\0\0\0\x20ftypisom", "video"),
        (b"\x1aE\xdf\xa3", "video"),
        (b"GIF89a", "video"),
        (b"G" + bytes(187) + b"G" + bytes(187), "video"),
        (bytes(4) + b"G" + bytes(191) + b"G" + bytes(100), "video"),  # AVCHD, packets of 192 bytes
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "image"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "image"),
        (b"\0\0\0\x18ftypavis\0\0\0\0", "video"),  # a sequence of images
        (b"", ""),
        (b"RIFF\0\0\0\0WAVE", ""),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", ""),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", ""),
        (b"<?xml version='1.0'?><MPD profiles='x'>", ""),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", ""),
        (b"PK\3\4", ""),
        (b"\x1f\x8b\x08", ""),
        (b"%PDF-1.7", ""),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", ""),
        (bytes(257) + b"ustar", ""),
        (b"\x80\x04\x95", ""),
        (b"GGGG", ""),
    ],
)
def test_kind_by_content(head: bytes, kind: str) -> None:
    assert kind_by_content(head) == kind


@pytest.mark.parametrize("name", ["a.txt", "a", ".mp4", "a.mp4.part"])
def test_other_names_have_no_kind(name: str) -> None:
    assert kind_by_name(Path(name)) == ""
