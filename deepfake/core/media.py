"""Kinds of media files, by name, and the signatures of images."""

from pathlib import Path

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".gif"}
)
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz")  # archives of a video's frames as images


def kind_by_name(path: Path) -> str:
    """Kind of a file by its name: video, image or frames (a folder or archive of images).

    For other names it is a message that says what is wrong.
    """
    name = path.name.lower()
    if name.endswith(ARCHIVE_SUFFIXES) or path.is_dir():
        return "frames"
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return "image"
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return "video"
    return f"unknown type {path.suffix or 'without suffix'}"


# First bytes of image files. The pipeline reads a GIF as a video.
IMAGE_MAGICS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
)
