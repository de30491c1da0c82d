"""Extract the frames of all videos of a manifest."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.base.code import code_version
from deepfake.base.errors import CacheError
from deepfake.base.remote_listing import RemoteListingError, is_listing, read_listing
from deepfake.core import archive
from deepfake.core.files import EMPTY_DIGEST
from deepfake.jobs import step
from deepfake.jobs.cache import Cache
from deepfake.jobs.downloads import RemoteVideo
from deepfake.jobs.pool import map_records
from deepfake.jobs.step import DIGEST, VERSION, Failure, Step, Video, content_keys
from deepfake.params.schema import ExecutionParams, FramesParams
from deepfake.video import frame_archive, record

FAILURES = ["video_id", "path", "status", "reason", "frame_count"]
STATUSES = (
    *(record.OK, record.TRUNCATED, record.DAMAGED, record.TOO_SHORT, record.UNREADABLE),
    *(step.CRASHED, step.TIMED_OUT, step.OUT_OF_MEMORY, step.CHANGED),
)


def frame_settings(params: FramesParams) -> dict[str, Any]:
    """The arguments of `frame_archive` that are the same for every file."""
    return params.model_dump(exclude={"max_failed_fraction"})


def frame_step() -> Step:
    """The per-video function of the frames stage, with its code version."""
    return Step(frame_archive.frame_archive, code_version(frame_archive.frame_archive))


def frame_inputs(
    manifest: pd.DataFrame, roots: Mapping[str, Path], out: Path, params: FramesParams
) -> list[Video]:
    """The videos of the manifest as inputs of `frame_step`; their archives are written below `out`."""
    settings = frame_settings(params)
    columns = (manifest[name] for name in ("video_id", "dataset", "path", "kind"))
    return [
        Video(
            key,
            roots[dataset] / path,
            {"kind": kind, **settings},
            is_original=True,
            out=archive.path_of(out, video_id),
            remote=remote,
        )
        for video_id, dataset, path, kind, key, remote in zip(
            *columns, content_keys(manifest), _remote_videos(manifest, roots), strict=True
        )
    ]


def _remote_videos(
    manifest: pd.DataFrame, roots: Mapping[str, Path]
) -> Iterator[RemoteVideo | None]:
    """Where each video is, None for a local one; an error if a listing is newer than the manifest."""
    listings = {name: read_listing(root) for name, root in roots.items() if is_listing(root)}
    if not listings:
        yield from [None] * len(manifest)
        return
    versions = manifest[VERSION] if VERSION in manifest else [""] * len(manifest)
    for dataset, path, version in zip(manifest["dataset"], manifest["path"], versions, strict=True):
        listing = listings.get(dataset)
        if listing and listing.version_of(path) != version:
            raise RemoteListingError(
                f"{roots[dataset]} changed after it was scanned: run `dvc repro`"
            )
        yield RemoteVideo(listing.folder, path, (*listing.files_of(path),)) if listing else None


def extract_frames(
    manifest: pd.DataFrame,
    roots: Mapping[str, Path],
    out: Path,
    params: FramesParams,
    execution: ExecutionParams,
) -> pd.DataFrame:
    """Write one frame archive per video of the manifest below `out`.

    Args:
        manifest: the table of `manifest.build_manifest`.
        roots: folder of each data set, or listing of a remote one, by name.
        out: folder for the archives.
        params: the frames section of params.yaml.
        execution: number of processes and their limits.

    Returns:
        One row per video, in the manifest's order: video_id and the fields of `VideoMeta`.

    Raises:
        RemoteError: a remote video could not be downloaded. All finished results are kept.
        RemoteListingError: a listing is damaged, or changed after the manifest was made.
    """
    ids = list(manifest["video_id"])

    def to_row(number: int, result: bytes | Failure) -> tuple[dict[str, Any], bool]:
        if isinstance(result, Failure):
            result = _archive_of_failure(result)
            archive.write(out, ids[number], result)
        row = {"video_id": ids[number], **archive.unpack_meta(result, ids[number])}
        return row, row["status"] not in record.USABLE

    videos = frame_inputs(manifest, roots, out, params)
    table = pd.DataFrame(map_records(frame_step(), videos, execution, "frames", to_row))
    table["indices"] = [" ".join(map(str, indices)) for indices in table["indices"]]
    return table


def failures(frames: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Rows of data/failures.csv: every video whose status is not ok, with the reason."""
    joined = frames.merge(manifest[["video_id", "path"]], on="video_id", validate="one_to_one")
    return joined[joined["status"] != record.OK][FAILURES].reset_index(drop=True)


def remote_digests(manifest: pd.DataFrame, cache: Cache) -> pd.DataFrame:
    """Rows of data/digests.csv: the SHA-256 of the remote videos, known since they were downloaded.

    Args:
        manifest: the table that `extract_frames` was called with before.
        cache: that of `frame_step`.

    Returns:
        video_id and sha256 ("" if empty); no rows without remote videos.

    Raises:
        CacheError: a digest was deleted in the meantime.
    """
    rows = []
    remote = manifest[manifest[VERSION] != ""] if VERSION in manifest else manifest[:0]
    for video_id, key in zip(remote["video_id"], content_keys(remote), strict=True):
        entry = cache.load(key, DIGEST)
        if entry is None:
            raise CacheError(f"{video_id}: its digest is no longer in {cache.folder}: run again")
        digest = entry.content.decode()
        rows.append((video_id, "" if digest == EMPTY_DIGEST else digest))
    return pd.DataFrame(rows, columns=["video_id", "sha256"], dtype=object)


def status_counts(frames: pd.DataFrame) -> dict[str, int]:
    """Number of all videos and of videos with each status, for plots/frames.tsv."""
    counts = Counter(frames["status"])
    return {"videos": len(frames), **{status: counts[status] for status in STATUSES}}


def _archive_of_failure(failure: Failure) -> bytes:
    """An archive without images, which records why the video failed."""
    return archive.pack(asdict(record.VideoMeta(failure.status, failure.reason)), {})
