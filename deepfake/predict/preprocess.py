"""Frames and face crops of untrusted files, each in a process with limits.

Files take the same path as the pipeline's own videos, through the same functions.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from deepfake.base.download import DownloadError, fetch
from deepfake.core import archive
from deepfake.core.files import content_digest
from deepfake.core.image import decode_image
from deepfake.core.sampling import evenly_spaced
from deepfake.faces import cropping
from deepfake.faces.detection import find_faces, smallest_face
from deepfake.jobs import worker
from deepfake.jobs.pool import map_records
from deepfake.jobs.step import Failure, Step, Video
from deepfake.params.schema import ExecutionParams
from deepfake.predict.inputs import MAX_DOWNLOAD_BYTES, InputFile, sniff
from deepfake.predict.result import UndecidedCause
from deepfake.video import frame_archive, record

LIMITS = ExecutionParams(
    engine="local",
    address=None,
    workers=0,
    video_seconds=600,
    video_gigabytes=4,
    download_gigabytes=0,
)
REINSPECTED_FRAMES = 3  # searched for smaller faces when no face was found

T = TypeVar("T")


@dataclass(frozen=True)
class Preprocessed:
    """The face crops of one file.

    Attributes:
        video: what is recorded about the file.
        crops: a record for each crop, as `cropping.crop_frames` gives them.
        images: the crops as JPEG, by their names in `crops`.
        cause, reason: why there are no crops; None and "" if there are some, or if it is unknown.
        sha256: `files.content_digest` of the file, "" if it could not be read.
    """

    video: record.VideoMeta
    crops: Sequence[Mapping[str, Any]] = ()
    images: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    cause: UndecidedCause | None = None
    reason: str = ""
    sha256: str = ""

    def pack(self) -> bytes:
        """As an archive, to hand over from the process that decodes."""
        meta = {
            "video": asdict(self.video),
            "crops": list(self.crops),
            "cause": self.cause and self.cause.value,
            "reason": self.reason,
            "sha256": self.sha256,
        }
        return archive.pack(meta, dict(self.images))

    @classmethod
    def unpack(cls, data: bytes) -> "Preprocessed":
        """The inverse of `pack`."""
        unpacked = archive.unpack(data)
        meta = unpacked.meta
        video = record.VideoMeta(**{**meta["video"], "indices": tuple(meta["video"]["indices"])})
        cause = meta["cause"] and UndecidedCause(meta["cause"])
        return cls(video, meta["crops"], unpacked.images, cause, meta["reason"], meta["sha256"])


def preprocess(
    path: Path, frames: dict[str, Any], crops: dict[str, Any], url: str = "", max_bytes: int = 0
) -> bytes:
    """Sample frames and cut out face crops of one file of any kind.

    Args:
        path: the file; its content decides whether it is an image or a video.
        frames: settings of `video.frame_archive`.
        crops: settings of `cropping.crop_frames`.
        url: if given, download it to `path` first.
        max_bytes: maximum size of the download.

    Returns:
        A packed `Preprocessed`. A file that cannot be downloaded or read has no crops; the status
        and reason of its `video` say why.
    """
    if url:
        try:
            fetch(url, path, max_bytes)
        except DownloadError as error:
            return Preprocessed(record.VideoMeta(record.UNREADABLE, str(error))).pack()
    sha256 = digest_or_empty(path)  # first: a file that is replaced later has another digest
    sampled = archive.unpack(frame_archive.frame_archive(path, sniff(path), **frames))
    video = record.VideoMeta(**sampled.meta)
    cut = archive.unpack(cropping.crop_frames(sampled, **crops))
    if cut.images:
        return Preprocessed(video, cut.meta["crops"], cut.images, sha256=sha256).pack()
    cause, reason = _why_no_crops(sampled, cut.meta["dropped_tracks"], crops)
    return Preprocessed(video, cause=cause, reason=reason, sha256=sha256).pack()


def digest_or_empty(path: Path) -> str:
    """The digest of a file's content, or "" if it cannot be read; the result then says why."""
    try:
        return content_digest(path)
    except OSError:
        return ""


def failed(failure: Failure, sha256: str = "") -> Preprocessed:
    """What is known of a file that crashed the decoder or exceeded a limit."""
    return Preprocessed(record.VideoMeta(failure.status, failure.reason), sha256=sha256)


def _why_no_crops(
    frames: archive.Archive, dropped_tracks: int, crops: dict[str, Any]
) -> tuple[UndecidedCause | None, str]:
    """Whether the people are seen too rarely or are too small; None and "" if it is neither."""
    if dropped_tracks:
        needed = f"{crops['min_track_fraction']:.0%} needed"
        return UndecidedCause.TOO_FEW_FRAMES, f"no face is in enough frames ({needed})"
    names = sorted(frames.images)
    images = [
        decode_image(frames.images[names[position]])
        for position in evenly_spaced(len(names), REINSPECTED_FRAMES)
    ]
    settings = {key: crops[key] for key in ("detector", "detect_size", "min_score")}
    sizes = [face.size for image in images for face in find_faces(image, **settings, min_face=0)]
    if not sizes:
        return None, ""
    min_size = smallest_face(images[0], crops["min_face"], crops["min_face_pixels"])
    reason = f"face too small ({max(sizes):.0f} pixels, {min_size:.0f} needed)"
    return UndecidedCause.FACE_TOO_SMALL, reason


class Preprocessor:
    """Runs `preprocess` in other processes, within limits of time and memory.

    Several threads may use it; files that are given one at a time are processed one after the other.

    Args:
        limits: the execution section of params.yaml.
        starts: start the process for `one` and `call` at once, so that it is ready by the time that
            torch is loaded; otherwise it starts when it is first needed.
    """

    def __init__(self, limits: ExecutionParams = LIMITS, starts: bool = True) -> None:
        self._limits = limits
        self._worker = worker.Worker(limits)
        self._thread = ThreadPoolExecutor(1)
        if starts:
            self._thread.submit(self._worker.start, preprocess)

    def one(self, file: InputFile, settings: dict[str, Any]) -> bytes | Failure:
        """Run `preprocess` for one file or address."""
        with _tasks([file], settings) as (task,):
            return self._thread.submit(self._worker.run, preprocess, task).result()

    def many(
        self,
        files: Sequence[InputFile],
        settings: dict[str, Any],
        use: Callable[[int, Preprocessed], T],
    ) -> Iterator[T]:
        """Run `preprocess` for many files in several processes, with a progress bar.

        Args:
            files: of any kind.
            settings: as for `one`.
            use: called with the position of a file and its crops, in as many threads as there are
                processes: while it runs, the process of its thread waits.

        Yields:
            What `use` returns, in the order of `files`.
        """

        def read(position: int, data: bytes | Failure) -> tuple[T, bool]:
            if isinstance(data, Failure):
                file = files[position]
                sha256 = "" if file.is_url else digest_or_empty(Path(file.name))
                return use(position, failed(data, sha256)), True
            found = Preprocessed.unpack(data)
            return use(position, found), found.video.status not in record.USABLE

        with _tasks(files, settings) as tasks:
            step = Step(preprocess, "")
            results = map_records(step, tasks, self._limits, "files", read)
            for task, result in zip(tasks, results, strict=True):
                if task.arguments["url"]:
                    task.path.unlink(missing_ok=True)
                yield result

    def call(self, function: Any, path: Path, arguments: dict[str, Any]) -> bytes | Failure:
        """Call another function of a file, within the same limits."""
        task = Video("", path, arguments)
        return self._thread.submit(self._worker.run, function, task).result()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._worker.close()
        self._thread.shutdown(cancel_futures=True)


@contextmanager
def _tasks(files: Sequence[InputFile], settings: dict[str, Any]) -> Iterator[list[Video]]:
    """A task for each file; downloads go to a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="deepfake-") as folder:
        yield [
            Video(
                "",
                Path(folder, str(number)) if file.is_url else Path(file.name),
                {
                    **settings,
                    "url": file.name if file.is_url else "",
                    "max_bytes": MAX_DOWNLOAD_BYTES,
                },
            )
            for number, file in enumerate(files)
        ]
