"""Kinds of media files, by name and by their first bytes."""

from pathlib import Path

# Names of files that can be decoded. All code that searches folders uses these.
IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".dib"),
        *(".tif", ".tiff", ".heic", ".heif", ".hif", ".avif", ".ppm", ".pgm", ".pbm", ".pnm"),
    }
)
VIDEO_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".avi", ".divx", ".mkv", ".webm", ".ogv"),
        *(".wmv", ".asf", ".flv", ".f4v", ".ts", ".mts", ".m2ts", ".m2t", ".vob", ".mxf"),
        *(".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".gif"),
    }
)
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz")  # archives of a video's frames as images
MEDIA_SUFFIXES = (*sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES), *ARCHIVE_SUFFIXES)


def kind_by_name(path: Path) -> str:
    """Kind of a file by its name: video, image or frames (a folder or archive of images), else ""."""
    name = path.name.lower()
    if name.endswith(ARCHIVE_SUFFIXES) or path.is_dir():
        return "frames"
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return "image"
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return "video"
    return ""


# First bytes of image files. The pipeline reads a GIF as a video.
JXL_MAGICS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")  # JPEG XL: bare, and in a container
IMAGE_MAGICS = (
    *JXL_MAGICS,
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    *(b"P%d\n" % number for number in range(1, 7)),  # PNM
)
VIDEO_MAGICS = (
    b"GIF8",
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"\0\0\1\xba",  # MPEG program stream
    b"\0\0\1\xb3",  # MPEG video
    b"FLV\1",
    b"OggS",
    b"0&\xb2u\x8ef\xcf\x11",  # ASF, WMV
    b"\x06\x0e+4\2\5\1\1",  # MXF
)
MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
IMAGE_BRANDS = (b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1")  # of a ftyp box: AVIF, HEIF
# Packets of an MPEG transport stream: their size, and where in them the sync byte is. AVCHD cameras
# put a time stamp of four bytes first.
TS_PACKETS = ((188, 0), (192, 4))
TS_SYNC = b"G"
HEAD_BYTES = 512  # enough to tell the kind of a file


def kind_by_content(head: bytes) -> str:
    """The kind of a file by its first `HEAD_BYTES`: image, video, or "" for anything else.

    >>> kind_by_content(b"#EXTM3U")
    ''
    """
    riff = head[8:12] if head[:4] == b"RIFF" else b""
    is_heif = head[4:8] == b"ftyp" and head[8:12] in IMAGE_BRANDS
    if riff == b"WEBP" or is_heif or head.startswith(IMAGE_MAGICS):
        return "image"
    is_mp4 = head[4:8] in MP4_BOXES
    is_ts = any(
        head[at : at + 1] == head[at + size : at + size + 1] == TS_SYNC for size, at in TS_PACKETS
    )
    if riff == b"AVI " or is_mp4 or is_ts or head.startswith(VIDEO_MAGICS):
        return "video"
    return ""
