"""The `deepfake` command."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepfake.base.errors import DeepfakeError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


Runtime = Annotated[
    Literal["torch", "onnx"] | None,
    typer.Option(help="onnx takes model.onnx, by ONNX Runtime. Default: torch."),
]


@app.callback()
def main() -> None:
    """Deepfake detection with a model that this repository's pipeline has trained, and its tools.

    The pipeline itself is run with `dvc repro`.
    """


@app.command()
def predict(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Images, videos, folders, 'quoted patterns', https:// or s3:// addresses; - reads a"
            " list from standard input.",
            metavar="PATH...",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="Folder or address of a model, or a git revision with one. Default: models, or the"
            " starter where none was trained yet. Or an ONNX file."
        ),
    ] = None,
    runtime: Runtime = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per file.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="One line of CSV per file.")] = False,
    frames: Annotated[
        bool, typer.Option("--frames", help="Scores of single frames too (CSV: these alone).")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a page with heat maps per file.")
    ] = None,
    annotate: Annotated[
        Path | None, typer.Option(metavar="OUT.mp4", help="Write the one video with boxes.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 is one per core.")] = 0,
    video_seconds: Annotated[
        float, typer.Option(min=0.1, help="A file that takes longer is given up.")
    ] = 600,
    video_gigabytes: Annotated[
        float, typer.Option(min=0.1, help="So is one that needs more memory.")
    ] = 4,
) -> None:
    """Say of each file whether a face in it was swapped: REAL, FAKE or UNDECIDED.

    The score is the calibrated probability of FAKE of the most suspicious person; FAKE begins at
    the threshold that training chose on its validation videos. The range beside it says how much the
    score depends on which frames were looked at. A file without a usable face is UNDECIDED, and the
    reason is given. docs/predicting.md says more.

    Exit code: 0 when every file got a verdict, 3 when some are UNDECIDED, 1 when the model or a
    path cannot be had (other files are still judged), 2 for wrong options, 130 when interrupted.

    Example: deepfake predict clip.mp4 photos/ --report reports
    """
    from deepfake.params.schema import ExecutionParams
    from deepfake.predict.command import Wishes, run

    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    limits = ExecutionParams(
        workers=workers, video_seconds=video_seconds, video_gigabytes=video_gigabytes
    )
    form = "json" if as_json else "csv" if as_csv else "table"
    try:
        code = run(Wishes(paths, model, form, frames, report, annotate, limits, runtime))
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    raise typer.Exit(code)


Model = Annotated[str | None, typer.Option(help="As for `deepfake predict`.")]
Address = Annotated[
    str,
    typer.Option(help="Of this machine; 0.0.0.0 lets others in, whom nobody asks for a password."),
]
Port = Annotated[int, typer.Option(min=1, max=65535)]
Megabytes = Annotated[int, typer.Option(min=1, help="A larger file is refused.")]
Minutes = Annotated[float, typer.Option(min=0.01, help="So is a longer video.")]
Waiting = Annotated[int, typer.Option(min=0, help="Files that may wait for their turn.")]


@app.command("app")
def page(
    model: Model = None,
    address: Address = "127.0.0.1",
    port: Port = 8501,
    megabytes: Megabytes = 100,
    minutes: Minutes = 10,
    waiting: Waiting = 8,
) -> None:
    """Open a web page on which images and videos are dropped and judged.

    Nothing is sent anywhere, and uploads are deleted. docs/page.md says more.

    Exit code: 0 when interrupted, otherwise that of the server.

    Example: deepfake app --port 8501
    """
    from deepfake.model.source import is_onnx
    from deepfake.serving.page_command import PageSettings, serve_page
    from deepfake.serving.uploads import UploadLimits

    if model is not None and is_onnx(model):
        typer.echo(
            "error: the page draws heat maps, which need the model itself, not ONNX", err=True
        )
        raise typer.Exit(1)
    limits = UploadLimits(megabytes=megabytes, minutes=minutes, waiting=waiting)
    raise typer.Exit(serve_page(PageSettings(model, limits), address, port))


@app.command()
def serve(
    model: Model = None,
    runtime: Runtime = None,
    address: Address = "127.0.0.1",
    port: Port = 8000,
    megabytes: Megabytes = 100,
    minutes: Minutes = 10,
    waiting: Waiting = 8,
) -> None:
    """Answer over HTTP: POST a file to /predict, get the JSON of `deepfake predict --json`.

    /docs describes it. There is no password and no encryption: leave both to what stands before it.

    Exit code: 0 when interrupted, 1 when there is no model.

    Example: deepfake serve & curl -F file=@clip.mp4 http://localhost:8000/predict
    """
    from deepfake.serving.api import serve as answer
    from deepfake.serving.service import Service
    from deepfake.serving.uploads import UploadLimits

    limits = UploadLimits(megabytes=megabytes, minutes=minutes, waiting=waiting)
    try:
        service = Service.load(model, limits, runtime)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"the server is at http://{address}:{port}, its description at /docs", err=True)
    answer(service, address, port)


@app.command()
def audit(
    splits: Annotated[
        Path,
        typer.Argument(help="Folder of train.csv, val.csv, test.csv; or DeepfakeBench's JSON."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
) -> None:
    """Check splits for people, originals and files that stand in two of them.

    The tables need the columns path and label, and tell more with any of video_id, target (or
    identity), source, original, clusters and content. A person "a:b" is the same in every data set.
    Instead of tables, SPLITS may be the root of a data set with official splits.

    Exit code: 0 when nothing leaks, 1 when something does or the splits cannot be read.

    Example: deepfake audit data/splits
    """
    from deepfake.splits import audit as leaks  # loads every importer

    try:
        found = leaks.audit(leaks.read_splits(splits))
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(json.dumps(found, indent=2) if as_json else leaks.describe(found))
    raise typer.Exit(1 if found["leaks"] else 0)


@app.command()
def cache(
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what the current manifest does not need.")
    ] = False,
) -> None:
    """Show how large the scratch cache is, and how much of it is still needed.

    .scratch/videos remembers what the frames, crops and identities stages found out about each
    video, so that a new video or a killed run costs only what is new. It may be deleted at any
    time. What other parameters or earlier code made stays in it until it is pruned.

    Exit code: 0, or 1 when the manifest is missing or params.yaml is wrong.

    Example: deepfake cache --prune
    """
    from deepfake.cli import cache_report  # loads the decoders
    from deepfake.jobs.cache import Cache
    from deepfake.params.loading import load_params

    try:
        found = cache_report.stored_results(Cache(), load_params())
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for row in cache_report.overview(found).to_dict("records"):
        sizes = f"{_megabytes(row['bytes'])}, {row['needed']} needed"
        typer.echo(f"{row['step']:<15} {row['results']:>7} results, {sizes}")
    rest = [one for one in found if not one.needed]
    size = _megabytes(sum(one.size for one in rest))
    if prune:
        cache_report.prune(found)
    done = "deleted" if prune else "not needed; --prune deletes them" if rest else "not needed"
    typer.echo(f"{len(found)} results in all, {len(rest)} ({size}) {done}")


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="An overlay: experiments/NAME.yaml.")],
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="NAME=PATH", help="Folder of a data set; once is enough."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A value of params.yaml."),
    ] = None,
    stage: Annotated[str | None, typer.Option(help="Run up to this stage only.")] = None,
    variant: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Keep the run under another name.")
    ] = None,
) -> None:
    """Run the pipeline with experiments/NAME.yaml over params.yaml, in a folder of its own.

    The run is in .scratch/experiments/NAME; its metrics and plots are copied to
    experiments/results/NAME. The same command goes on with a run that was interrupted.

    Exit code: that of `dvc repro`; 1 when the overlay or the data is missing or wrong.

    Example: deepfake experiment dfdc_faces --data dfdc_faces=/data/dfdc_faces --set train.epochs=12
    """
    from deepfake.experiments.data import parse_data
    from deepfake.experiments.run import run_experiment  # loads every importer

    try:
        code = run_experiment(Path(), name, parse_data(data or []), settings or [], stage, variant)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    raise typer.Exit(code)


@app.command()
def ship(
    run: Annotated[str, typer.Argument(help="An experiment that was run, or what --as called it.")],
) -> None:
    """Make the model of an experiment the starter model: models/starter, in half precision.

    It is what `deepfake predict` uses before a model of your own is trained, and what
    train.init: starter begins with.

    Exit code: 0, or 1 when the experiment has no model.

    Example: deepfake ship dfdc_faces
    """
    from deepfake.experiments.run import ship_model  # loads every importer

    try:
        folder = ship_model(Path(), run)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{folder} is the model of {run} now: write what it is good for into its README.md")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
