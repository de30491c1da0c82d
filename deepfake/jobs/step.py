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

if TYPE_CHECKING:  # worker processes load this module, and none needs tables
    import pandas as pd

# Statuses of a failure.
CRASHED, TIMED_OUT = "crashed", "timed_out"
OUT_OF_MEMORY, CHANGED = "out_of_memory", "changed"


@dataclass(frozen=True)
class Video:
    """One input of a step.

    Attributes:
        sha256: of the video's content; "" if unknown, and then the result is not cached.
        path: file that the function reads: the video itself, or what another stage made of it.
        arguments: of the function.
        is_original: whether `path` is the video itself, so that `sha256` is its digest.
        out: file that the result is also written to.
    """

    sha256: str
    path: Path
    arguments: dict[str, Any] = field(default_factory=dict)
    is_original: bool = False
    out: Path | None = None


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
        digest = video.sha256 if video.is_original else content_digest(video.path)
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


def videos_of_archives(
    manifest: "pd.DataFrame",
    folder: Path,
    arguments: Mapping[str, Any] | None = None,
    out: Path | None = None,
) -> list[Video]:
    """The archives that an earlier stage made of the manifest's videos, as inputs of a step.

    Args:
        manifest: rows with video_id and sha256.
        folder: of the archives.
        arguments: of the function, the same for all videos.
        out: folder for the results, if they are archives.
    """
    return [
        Video(
            sha256,
            archive.path_of(folder, video_id),
            dict(arguments or {}),
            out=archive.path_of(out, video_id) if out else None,
        )
        for video_id, sha256 in zip(manifest["video_id"], manifest["sha256"], strict=True)
    ]
