"""What kind of file a path is, by its name."""

from pathlib import Path

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".gif"}
)
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz")  # of a video's frames as images


def kind_of(path: Path) -> str:
    """video, image or frames (a folder or archive of them), or what is wrong with the path."""
    name = path.name.lower()
    if name.endswith(ARCHIVE_SUFFIXES) or path.is_dir():
        return "frames"
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return "image"
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return "video"
    return f"unknown type {path.suffix or 'without suffix'}"


# What images begin with. A GIF is a video, as it is for the pipeline.
IMAGE_MAGICS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
)
