"""Downloads from https://, s3:// and every other address that fsspec supports."""

from pathlib import Path

from deepfake.base.errors import DeepfakeError

CHUNK_BYTES = 1 << 20


class DownloadError(DeepfakeError):
    """A file could not be downloaded, or is too large."""


def is_url(name: str) -> bool:
    """Whether a name is an address such as https://host/clip.mp4 or s3://bucket/clip.mp4."""
    return "://" in name


def fetch(url: str, path: Path, max_bytes: int) -> None:
    """Download a file through fsspec.

    Raises:
        DownloadError: the file could not be downloaded, or is larger than `max_bytes`.
    """
    import fsspec

    try:
        with fsspec.open(url, "rb") as remote, path.open("wb") as file:
            size = 0
            while chunk := remote.read(CHUNK_BYTES):
                size += len(chunk)
                if size > max_bytes:
                    raise DownloadError(f"more than {max_bytes / 1e6:.0f} MB, which is the limit")
                file.write(chunk)
    except DownloadError:
        raise
    except Exception as error:  # each file system raises its own exceptions
        detail = str(error).splitlines()[0] if str(error) else ""
        raise DownloadError(
            f"cannot be downloaded: {type(error).__name__} {detail}".rstrip()
        ) from error
