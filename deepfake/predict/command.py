"""`deepfake predict`, after its options are parsed."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer
from rich.console import Console
from tqdm import tqdm

from deepfake.base.download import DownloadError, fetch
from deepfake.base.errors import DeepfakeError
from deepfake.base.text import utf8
from deepfake.core.files import write_bytes
from deepfake.core.labels import UNDECIDED
from deepfake.params.schema import ExecutionParams
from deepfake.predict.inputs import MAX_DOWNLOAD_BYTES, InputFile, expand
from deepfake.predict.preprocess import Preprocessor
from deepfake.predict.source import default_folder

if TYPE_CHECKING:
    from deepfake.model.card import ModelCard
    from deepfake.predict.detector import Detector
    from deepfake.predict.result import Result
    from deepfake.predict.stored_results import StoredResults

DONE, FAILED, SOME_UNDECIDED, INTERRUPTED = 0, 1, 3, 130  # exit codes; 2 is for wrong options
WIDTH = 160  # columns of the table when the output is not a terminal

OutputFormat = Literal["table", "json", "csv"]


@dataclass(frozen=True)
class PredictOptions:
    """The options of the command.

    Attributes:
        paths: as `names` of `inputs.expand`.
        model, operating_point: as for `Detector.load`.
        runtime: as for `Detector.load`; None for "auto", or for torch with `report`.
        output_format: table, json or csv.
        with_frames: print the scores of single frames too.
        report: folder for one HTML report per file.
        annotate: where to write the video with boxes.
        limits: of the processes that decode.
        watch: folder whose files are predicted as they arrive, instead of `paths`.
        output: file or folder for the results, as for `StoredResults`; nothing is printed then.
    """

    paths: Sequence[str]
    model: str | None
    output_format: OutputFormat
    with_frames: bool
    report: Path | None
    annotate: Path | None
    limits: ExecutionParams
    runtime: str | None = None
    operating_point: str | None = None
    watch: Path | None = None
    output: Path | None = None


def run(options: PredictOptions) -> int:
    """Predict the files and report their results; returns the exit code.

    With `watch`, it ends when it is interrupted or terminated, and that is no failure.

    Raises:
        DeepfakeError: the model cannot be loaded, or a report cannot be written.
    """
    expanded = expand(options.paths, _standard_input())
    files, errors = expanded.files, expanded.errors
    for line in [*expanded.notes, *(f"error: {error}" for error in errors)]:
        typer.echo(utf8(line), err=True)
    if not files and not options.watch:
        if not errors:
            typer.echo("error: no file is named", err=True)
        return FAILED
    if options.annotate and len(files) > 1:
        raise DeepfakeError(f"--annotate takes one video, not {len(files)} files")
    is_one = len(files) == 1 and not options.watch
    preprocessor = Preprocessor(options.limits, starts=is_one)
    try:
        from deepfake.predict.detector import Detector
        from deepfake.predict.loading import AUTO, one_thread

        # Without a runtime, a report has the one that can draw heat maps.
        runtime = options.runtime or (None if options.report else AUTO)
        # Heat maps are drawn one after the other, with all cores.
        with nullcontext() if is_one or options.report else one_thread():
            detector = Detector.load(options.model, preprocessor, runtime, options.operating_point)
        if options.report is not None:
            _ = detector.network  # fail before the first file if there can be no heat maps
        place = options.model or default_folder()
        typer.echo(f"model: {place}, {_origin(detector.card)}", err=True)
        for note in detector.notes:
            typer.echo(f"note: {note}", err=True)
        with _stored_results(options, detector) as stored:
            if options.watch is not None:
                return _watch(options.watch, detector, options, stored)
            undecided = _predict_all(files, detector, options, stored)
    except KeyboardInterrupt:
        done = (
            f"in {options.output}; the same command resumes" if options.output else "printed above"
        )
        typer.echo(f"interrupted: results of finished files are {done}", err=True)
        return INTERRUPTED
    finally:
        preprocessor.close()
    return FAILED if errors else SOME_UNDECIDED if undecided else DONE


@contextmanager
def _stored_results(
    options: PredictOptions, detector: "Detector"
) -> Iterator["StoredResults | None"]:
    """Where results are stored, if they are; says in the end what is there."""
    if options.output is None:
        yield None
        return
    from deepfake.predict.stored_results import StoredResults

    stored = StoredResults(options.output, detector.sha256, options.with_frames)
    try:
        yield stored
    finally:
        stored.close()
        typer.echo(utf8(str(stored)), err=True)


def _origin(card: "ModelCard") -> str:
    """What a model was trained on, as far as its card says."""
    if "imported" not in card.origin:
        return f"trained on {', '.join(card.origin['datasets'])}"
    return "imported; its training data are unknown and its scores are not calibrated"


def _standard_input() -> Iterator[str]:
    """Lines of standard input as file names, which may be in any encoding."""
    yield from map(os.fsdecode, sys.stdin.buffer)


def _watch(
    folder: Path, detector: "Detector", options: PredictOptions, stored: "StoredResults | None"
) -> int:
    """Predict what arrives in a folder until interrupted; returns the exit code."""
    from deepfake.predict.watch import Judged, JudgedFiles, watch

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    reporter = Reporter([], options, detector, stored)
    known = stored or JudgedFiles(folder)
    typer.echo(f"watching {folder}; what was judged is in {known.path}", err=True)

    def report(judged: Judged, result: "Result") -> None:
        reporter.report(result)
        if isinstance(known, JudgedFiles):
            known.add(judged)

    try:
        watch(folder, known, detector, lambda files: _results(files, detector), report)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    return DONE


def _results(files: Sequence[InputFile], detector: "Detector") -> Iterator["Result"]:
    """The results for files, in order; several files take several processes."""
    if len(files) == 1:
        yield detector.predict(files[0].name)
    elif files:
        yield from detector.predict_many(files)


def _predict_all(
    files: Sequence[InputFile],
    detector: "Detector",
    options: PredictOptions,
    stored: "StoredResults | None",
) -> int:
    """Predict and report all files; returns how many are UNDECIDED."""
    reporter = Reporter(files, options, detector, stored)
    if stored is not None:
        new = [file for file in files if not stored.has(file)]
        if len(new) < len(files):
            known = len(files) - len(new)
            typer.echo(f"{known} of {len(files)} files have a result in {stored.path}", err=True)
        for result in _results(new, detector):
            reporter.report(result)
        return sum(stored.verdict(file) == UNDECIDED for file in files)
    try:
        if options.annotate is not None:
            _annotate(files[0], reporter, options.annotate)
        else:
            for result in _results(files, detector):
                reporter.report(result)
    finally:
        reporter.print_table()
    return reporter.undecided


def _annotate(file: InputFile, reporter: "Reporter", out: Path) -> None:
    """Report one video, and write it with boxes."""
    from deepfake.predict.annotate import annotate

    with tempfile.TemporaryDirectory(prefix="deepfake-") as folder:
        path = Path(file.name)
        if file.is_url:
            path = Path(folder, "video")
            try:
                fetch(file.name, path, MAX_DOWNLOAD_BYTES)
            except DownloadError as error:
                raise DownloadError(f"{file.name}: {error}") from error
        result = reporter.detector.predict(path, file.name)
        reporter.report(result)
        annotate(result, path, out, reporter.detector)


class Reporter:
    """Prints or stores results, and writes their HTML reports, never over one of the files.

    JSON and CSV are printed line by line as files finish, the table at the end. With `watch`, each
    result is a line of text instead of a row of the table.

    Attributes:
        detector: the detector that gives the results.
        undecided: number of results without a verdict.
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        options: PredictOptions,
        detector: "Detector",
        stored: "StoredResults | None",
    ) -> None:
        from deepfake.predict import output

        self.detector = detector
        self.undecided = 0
        self._output = output
        self._stored = stored
        self._options = options
        self._table = output.new_table(detector.operating_point, detector.card.calibrated)
        # Files in the folder of the reports keep their names.
        self._report_names = {
            Path(file.name).name
            for file in files
            if options.report and Path(file.name).parent.resolve() == options.report.resolve()
        }
        if options.output_format == "csv":
            tqdm.write(output.csv_header(options.with_frames))

    def report(self, result: "Result") -> None:
        """Print a result, store it, or add it to the table.

        Raises:
            DeepfakeError: the result or its HTML report cannot be written.
        """
        self.undecided += result.verdict == UNDECIDED
        if self._stored is None:
            self._print(result)
        if self._options.report is not None:
            self._write_html(result, self._options.report)
        if self._stored is not None:  # last: a stored result is not analysed again
            self._stored.add(result)

    def _print(self, result: "Result") -> None:
        with_frames = self._options.with_frames
        if self._options.output_format == "table" and self._options.watch is not None:
            _print_now(self._output.as_text(result))
        elif self._options.output_format == "table":
            self._output.add_rows(self._table, result, with_frames)
        elif self._options.output_format == "json":
            _print_now(self._output.as_json(result, with_frames))
        else:
            _print_now(self._output.as_csv(result, with_frames))

    def _write_html(self, result: "Result", folder: Path) -> None:
        from deepfake.predict.report import html_report, report_name

        path = folder / report_name(result.path, self._report_names)
        self._report_names.add(path.name)
        try:
            write_bytes(path, html_report(result, self.detector).encode(), durable=False)
        except OSError as error:
            raise DeepfakeError(f"{path} cannot be written: {error.strerror}") from error

    def print_table(self) -> None:
        """Print the table; nothing in other formats, or if no file finished."""
        if self._table.row_count:
            console = Console(width=None if sys.stdout.isatty() else WIDTH)
            console.print(self._table)


def _print_now(text: str) -> None:
    """Print without delay and without disturbing a progress bar; nothing for an empty text."""
    if text:
        tqdm.write(text)
        sys.stdout.flush()
