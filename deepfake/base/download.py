"""Files at addresses: https://, s3:// and whatever else fsspec knows."""

from pathlib import Path

from deepfake.base.errors import DeepfakeError

BLOCK = 1 << 20


class DownloadError(DeepfakeError):
    """A file cannot be had from its address."""


def is_url(name: str) -> bool:
    """Whether a name is an address such as https://host/clip.mp4 or s3://bucket/clip.mp4."""
    return "://" in name


def fetch(url: str, path: Path, max_bytes: int) -> None:
    """Download an address through fsspec.

    Raises:
        DownloadError: it cannot be had, or is larger than `max_bytes`.
    """
    import fsspec

    try:
        with fsspec.open(url, "rb") as remote, path.open("wb") as file:
            size = 0
            while block := remote.read(BLOCK):
                size += len(block)
                if size > max_bytes:
                    raise DownloadError(f"more than {max_bytes / 1e6:.0f} MB, which is the limit")
                file.write(block)
    except DownloadError:
        raise
    except Exception as error:  # every file system has errors of its own
        words = str(error).splitlines()[0] if str(error) else ""
        raise DownloadError(
            f"cannot be downloaded: {type(error).__name__} {words}".rstrip()
        ) from error
