"""Frames and face crops of files that nobody has checked, each in a process with limits.

It takes the same path as the pipeline's own videos, whose functions it calls.
"""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deepfake.base.download import DownloadError, fetch
from deepfake.core import archive
from deepfake.core.image import decode_image
from deepfake.core.sampling import evenly_spaced
from deepfake.faces import cropping
from deepfake.faces.detection import find_faces
from deepfake.jobs import worker
from deepfake.jobs.pool import map_records
from deepfake.jobs.step import Failure, Step, Video
from deepfake.params.schema import ExecutionParams
from deepfake.predict.inputs import MAX_BYTES, Source, sniff
from deepfake.video import frame_archive, record

LIMITS = ExecutionParams(workers=0, video_seconds=600, video_gigabytes=4)
LOOKED_AGAIN = 3  # frames in which to look for the reason when no face was found


def preprocess(
    path: Path, frames: dict[str, Any], crops: dict[str, Any], url: str = "", max_bytes: int = 0
) -> bytes:
    """Frames and crops of one file of any kind.

    Args:
        path: the file; its content decides whether it is an image or a video.
        frames: settings of `video.frame_archive`.
        crops: settings of `cropping.crop_frames`.
        url: if given, it is first downloaded to `path`.
        max_bytes: of the download.

    Returns:
        A packed archive: its record has `video` (a `VideoMeta`), `crops` (as `crop_frames` gives
        them) and `no_face` (why none was found, else ""); its images are the crops.
    """
    if url:
        try:
            fetch(url, path, max_bytes)
        except DownloadError as error:
            return _record(record.VideoMeta(record.UNREADABLE, str(error)))
    found = archive.unpack(frame_archive.frame_archive(path, sniff(path), **frames))
    made = archive.unpack(cropping.crop_frames(found, **crops))
    meta = record.VideoMeta(**found.meta)
    reason = "" if made.images else _why_no_face(found, made.meta["dropped_tracks"], crops)
    return _record(meta, made, reason)


def _record(
    meta: record.VideoMeta, crops: archive.Archive | None = None, no_face: str = ""
) -> bytes:
    found = crops or archive.Archive({"crops": []}, {})
    record = {"video": asdict(meta), "crops": found.meta["crops"], "no_face": no_face}
    return archive.pack(record, found.images)


def _why_no_face(frames: archive.Archive, dropped: int, crops: dict[str, Any]) -> str:
    """Why no person was followed: seen too rarely, too small, or nobody there; "" if unknown."""
    if dropped:
        return f"too few frames with the same face ({crops['min_track_fraction']:.0%} needed)"
    names = sorted(frames.images)
    images = [
        decode_image(frames.images[names[at]]) for at in evenly_spaced(len(names), LOOKED_AGAIN)
    ]
    wanted = {key: crops[key] for key in ("detector", "detect_size", "min_score")}
    sizes = [face.size for image in images for face in find_faces(image, **wanted, min_face=0)]
    if not sizes:
        return ""
    needed = crops["min_face"] * min(images[0].shape[:2])
    return f"face too small ({max(sizes):.0f} pixels, {needed:.0f} needed)"


class Preprocessor:
    """Runs `preprocess` in other processes, within limits of time and memory.

    One process is started at once, so that it is ready when torch is. It may be used from several
    threads, whose files are then done one after the other.

    Args:
        limits: the execution section of params.yaml.
    """

    def __init__(self, limits: ExecutionParams = LIMITS) -> None:
        self._limits = limits
        self._worker = worker.Worker(limits)
        self._thread = ThreadPoolExecutor(1)
        self._thread.submit(self._worker.start, preprocess)

    def one(self, source: Source, settings: dict[str, Any]) -> bytes | Failure:
        """What `preprocess` gives for a file or address."""
        with _local([source], settings) as (task,):
            return self._thread.submit(self._worker.run, preprocess, task).result()

    def many(
        self, sources: Sequence[Source], settings: dict[str, Any]
    ) -> Iterator[bytes | Failure]:
        """The same for many, in order, by several processes, with a progress bar."""
        with _local(sources, settings) as tasks:
            step = Step(preprocess, "")
            results = map_records(step, tasks, self._limits, "files", _made)
            for task, made in zip(tasks, results, strict=True):
                if task.arguments["url"]:
                    task.path.unlink(missing_ok=True)
                yield made

    def call(self, function: Any, path: Path, arguments: dict[str, Any]) -> bytes | Failure:
        """Any other function of a file, within the same limits."""
        task = Video("", path, arguments)
        return self._thread.submit(self._worker.run, function, task).result()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._worker.close()
        self._thread.shutdown(cancel_futures=True)


@contextmanager
def _local(sources: Sequence[Source], settings: dict[str, Any]) -> Iterator[list[Video]]:
    """Tasks whose downloads go to a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="deepfake-") as folder:
        yield [
            Video(
                "",
                Path(folder, str(number)) if source.is_url else Path(source.name),
                {
                    **settings,
                    "url": source.name if source.is_url else "",
                    "max_bytes": MAX_BYTES,
                },
            )
            for number, source in enumerate(sources)
        ]


def _made(_: int, result: bytes | Failure) -> tuple[bytes | Failure, bool]:
    """A result of `preprocess` as it is, and whether the file could not be used."""
    if isinstance(result, Failure):
        return result, True
    return result, archive.unpack_meta(result)["video"]["status"] not in record.USABLE
