"""A step (a function that is applied to each video), its inputs and its failures."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.core import archive
from deepfake.core.files import content_digest
from deepfake.jobs.cache import Cache
from deepfake.jobs.downloads import RemoteVideo

if TYPE_CHECKING:  # worker processes load this module, and none needs tables
    import pandas as pd

# Statuses of a failure.
CRASHED, TIMED_OUT = "crashed", "timed_out"
OUT_OF_MEMORY, CHANGED = "out_of_memory", "changed"

VERSION = "version"  # column of a manifest with remote videos; "" for local ones
DIGEST = "sha256"  # name in the cache under which the SHA-256 of a remote video is stored


@dataclass(frozen=True)
class Video:
    """One input of a step.

    Attributes:
        key: of its results in the cache, as `content_keys` returns it; "" if unknown, and then the
            result is not cached.
        path: file that the function reads: the video itself, or what another stage made of it.
        arguments: of the function.
        is_original: whether `path` is the video itself.
        out: file that the result is also written to.
        remote: where the video itself is if not at `path`; it is downloaded if it has no result.
    """

    key: str
    path: Path
    arguments: dict[str, Any] = field(default_factory=dict)
    is_original: bool = False
    out: Path | None = None
    remote: RemoteVideo | None = None


@dataclass(frozen=True)
class Step:
    """A function that is applied to each video.

    Attributes:
        function: called as `function(path, **arguments)`; returns bytes.
        code_version: as `base.code.code_version` returns it; results of others are not used.
        cache: where results are stored.
    """

    function: Callable[..., bytes]
    code_version: str
    cache: Cache = field(default_factory=Cache)

    def result_name(self, video: Video) -> str:
        """Name of a result in the cache: the function, then a digest of all it depends on."""
        call = json.dumps([video.arguments, self.code_version], sort_keys=True)
        digest = video.key if video.is_original else content_digest(video.path)
        return f"{self.function.__name__}-{hashlib.sha256((digest + call).encode()).hexdigest()}"


@dataclass(frozen=True)
class Failure:
    """A video without a result.

    Attributes:
        status: `CRASHED`, `TIMED_OUT`, `OUT_OF_MEMORY`, or `CHANGED` (since it was scanned).
        reason: what happened, for the user.
    """

    status: str
    reason: str


CHANGED_VIDEO = Failure(CHANGED, "the file changed after it was scanned: run `dvc repro`")


def videos_of_archives(
    manifest: "pd.DataFrame",
    folder: Path,
    arguments: Mapping[str, Any] | None = None,
    out: Path | None = None,
) -> list[Video]:
    """The archives that an earlier stage made of the manifest's videos, as inputs of a step.

    Args:
        manifest: rows with video_id, sha256 and, if videos are remote, version.
        folder: of the archives.
        arguments: of the function, the same for all videos.
        out: folder for the results, if they are archives.
    """
    return [
        Video(
            key,
            archive.path_of(folder, video_id),
            dict(arguments or {}),
            out=archive.path_of(out, video_id) if out else None,
        )
        for video_id, key in zip(manifest["video_id"], content_keys(manifest), strict=True)
    ]


def content_keys(manifest: "pd.DataFrame") -> list[str]:
    """What the results of each video are cached by: a digest that changes with its content.

    It is the SHA-256 of the content. That of a remote video is not known before it is downloaded, so
    it is the SHA-256 of its video_id and version.

    Args:
        manifest: rows with video_id, sha256 and, if videos are remote, version.
    """
    if VERSION not in manifest:
        return list(manifest["sha256"])
    return [
        hashlib.sha256(f"{video_id}\n{version}".encode()).hexdigest() if version else sha256
        for video_id, version, sha256 in zip(
            manifest["video_id"], manifest[VERSION], manifest["sha256"], strict=True
        )
    ]
