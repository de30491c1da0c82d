"""What is done with each video, and what it is done with."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.core import archive
from deepfake.core.files import content_digest
from deepfake.jobs.cache import Cache

CRASHED, TIMED_OUT = "crashed", "timed_out"
OUT_OF_MEMORY, CHANGED = "out_of_memory", "changed"


@dataclass(frozen=True)
class Video:
    """One input.

    Attributes:
        content: SHA-256 of the video that it is, or was made from; "" if it has none, and then
            nothing is remembered.
        path: what the function reads, the video itself or what another stage made of it.
        arguments: for the function.
        is_original: `path` is the video itself, so its digest is known.
        out: where the result is wanted as a file too.
    """

    content: str
    path: Path
    arguments: dict[str, Any] = field(default_factory=dict)
    is_original: bool = False
    out: Path | None = None


@dataclass(frozen=True)
class Step:
    """What is done with each video.

    Attributes:
        function: called as `function(path, **arguments)`, returns bytes.
        code: changes whenever the function's results could, as `code_version` gives it.
        cache: where results are remembered.
    """

    function: Callable[..., bytes]
    code: str
    cache: Cache = field(default_factory=Cache)

    def name(self, video: Video) -> str:
        """Of the result in the cache: step, then a digest of all it depends on but the video."""
        call = json.dumps([video.arguments, self.code], sort_keys=True)
        digest = video.content if video.is_original else content_digest(video.path)
        return f"{self.function.__name__}-{hashlib.sha256((digest + call).encode()).hexdigest()}"


@dataclass(frozen=True)
class Failure:
    """A video without a result.

    Attributes:
        status: crashed, timed_out, out_of_memory, or changed (since it was scanned).
        reason: a sentence for the table of failures.
    """

    status: str
    reason: str


def archives_of(
    manifest: pd.DataFrame,
    folder: Path,
    arguments: Mapping[str, Any] | None = None,
    out: Path | None = None,
) -> list[Video]:
    """What a stage before has made of the manifest's videos, as inputs.

    Args:
        manifest: rows with video_id and sha256.
        folder: of the archives.
        arguments: for the function, the same for all.
        out: folder for the archives that are made of them.
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
