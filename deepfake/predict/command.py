"""What `deepfake predict` does once its options are read."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from tqdm import tqdm

from deepfake.base.download import fetch
from deepfake.base.errors import DeepfakeError
from deepfake.core.files import write_bytes
from deepfake.params.schema import ExecutionParams
from deepfake.predict.inputs import MAX_BYTES, Source, expand
from deepfake.predict.preprocess import Preprocessor

if TYPE_CHECKING:
    from deepfake.predict.detector import Detector
    from deepfake.predict.result import Result

DONE, FAILED, SOME_UNDECIDED, INTERRUPTED = 0, 1, 3, 130  # exit codes; 2 is a wrong option
WIDTH = 160  # columns of the table where no terminal says


@dataclass(frozen=True)
class Wishes:
    """The options of the command.

    Attributes:
        paths: as for `sources.expand`.
        model, runtime: as for `Detector.load`.
        form: table, json or csv.
        with_frames: tell the scores of single frames too.
        report: folder for a page about each file.
        annotate: where to write the one video with its boxes.
        limits: of the processes that decode.
    """

    paths: Sequence[str]
    model: str | None
    form: str
    with_frames: bool
    report: Path | None
    annotate: Path | None
    limits: ExecutionParams
    runtime: str | None = None


def run(wishes: Wishes) -> int:
    """Judge the files and tell of them; the exit code.

    Raises:
        DeepfakeError: the model cannot be had, or a report not be written.
    """
    sources, complaints = expand(wishes.paths, _standard_input())
    for complaint in complaints:
        typer.echo(f"error: {complaint}", err=True)
    if not sources:
        return FAILED
    if wishes.annotate and len(sources) > 1:
        raise DeepfakeError(f"--annotate takes one video, not {len(sources)} files")
    preprocessor = Preprocessor(wishes.limits)  # its process starts while torch is loaded
    try:
        from deepfake.predict.detector import Detector

        detector = Detector.load(wishes.model, preprocessor, wishes.runtime)
        if wishes.report is not None:
            _ = detector.network  # without it there is no page, which is told at once
        trained_on = ", ".join(detector.card.origin["datasets"])
        typer.echo(f"the model was trained on: {trained_on}", err=True)
        undecided = _judge_all(sources, detector, wishes)
    except KeyboardInterrupt:
        typer.echo("interrupted; what was finished stands above", err=True)
        return INTERRUPTED
    finally:
        preprocessor.close()
    return FAILED if complaints else SOME_UNDECIDED if undecided else DONE


def _standard_input() -> Iterator[str]:
    """Lines that may be names in any encoding."""
    yield from map(os.fsdecode, sys.stdin.buffer)


def _judge_all(sources: Sequence[Source], detector: "Detector", wishes: Wishes) -> int:
    """Tell of all files; how many are UNDECIDED."""
    told = Telling(wishes, detector)
    try:
        if wishes.annotate is not None:
            _annotate(sources[0], told, wishes.annotate)
        elif len(sources) == 1:
            told.add(detector.predict(sources[0].name))
        else:
            for result in detector.predict_many(sources):
                told.add(result)
    finally:
        told.end()
    return told.undecided


def _annotate(source: Source, told: "Telling", out: Path) -> None:
    """Tell of one video, and write it with its boxes."""
    from deepfake.predict.annotate import annotate

    with tempfile.TemporaryDirectory(prefix="deepfake-") as folder:
        path = Path(source.name)
        if source.is_url:
            path = Path(folder, "video")
            fetch(source.name, path, MAX_BYTES)
        result = told.detector.predict(path, source.name)
        told.add(result)
        annotate(result, path, out, told.detector)


class Telling:
    """Tells of results: JSON and CSV line by line, a table at the end; and writes their pages.

    Attributes:
        detector: of the results.
        undecided: how many of them have no score.
    """

    def __init__(self, wishes: Wishes, detector: "Detector") -> None:
        from deepfake.predict import output

        self.detector = detector
        self.undecided = 0
        self._listing = output
        self._wishes = wishes
        self._table = output.new_table(detector.card.threshold)
        self._pages: set[str] = set()
        if wishes.form == "csv":
            tqdm.write(output.csv_header(wishes.with_frames))

    def add(self, result: "Result") -> None:
        """Tell of a file, or remember it for the table.

        Raises:
            DeepfakeError: its page cannot be written.
        """
        self.undecided += result.score is None
        with_frames = self._wishes.with_frames
        if self._wishes.form == "table":
            self._listing.add_rows(self._table, result, with_frames)
        elif self._wishes.form == "json":
            _say(self._listing.as_json(result, with_frames))
        else:
            _say(self._listing.as_csv(result, with_frames))
        if self._wishes.report is not None:
            self._write_page(result, self._wishes.report)

    def _write_page(self, result: "Result", folder: Path) -> None:
        from deepfake.predict.report import html_report, report_name

        path = folder / report_name(result.path, self._pages)
        self._pages.add(path.name)
        try:
            write_bytes(path, html_report(result, self.detector).encode(), durable=False)
        except OSError as error:
            raise DeepfakeError(f"{path} cannot be written: {error.strerror}") from error

    def end(self) -> None:
        """Print the table, if one was asked for and a file was judged."""
        if self._table.row_count:
            console = Console(width=None if sys.stdout.isatty() else WIDTH)
            console.print(self._table)


def _say(text: str) -> None:
    """Print at once, without disturbing a progress bar; nothing if there is nothing to say."""
    if text:
        tqdm.write(text)
        sys.stdout.flush()
