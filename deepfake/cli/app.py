"""The `deepfake` command."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepfake.base.errors import DeepfakeError
from deepfake.cli import model_commands
from deepfake.cli.api_keys import api_key
from deepfake.cli.feedback import feedback as feedback_command
from deepfake.cli.gate import gate
from deepfake.cli.list_files import list_files
from deepfake.cli.output_option import Output, check_output
from deepfake.cli.review import review
from deepfake.cli.sweep import sweep

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

DEFAULT_MODEL = (
    "Default: models, or models/starter if no model is trained yet, or only one on the demo."
)
Model = Annotated[
    str | None,
    typer.Option(
        help="Model: a folder, an address of one, a release like model@v1.0.0 or model#prod, a git"
        f" revision, REPOSITORY@REVISION, or an ONNX file. {DEFAULT_MODEL}"
    ),
]
TorchModel = Annotated[
    str | None,
    typer.Option(
        help="Model: a folder, an address of one, a release like model@v1.0.0 or model#prod, a git"
        f" revision, or REPOSITORY@REVISION. {DEFAULT_MODEL}"
    ),
]
RuntimeName = Literal["torch", "onnx", "auto"] | None
RUNTIMES_HELP = (
    "Library that runs the model: torch, onnx (ONNX Runtime, which starts faster and has no GPU), or"
    " auto (onnx on a CPU if the model is a folder, else torch)."
)
Runtime = Annotated[
    RuntimeName,
    typer.Option(help=f"{RUNTIMES_HELP} Default: auto, or torch with --report."),
]
ServeRuntime = Annotated[
    RuntimeName,
    typer.Option(help=f"{RUNTIMES_HELP} Default: torch, or onnx if --model is an ONNX file."),
]
OperatingPoint = Annotated[
    Literal["balanced", "strict", "screening", "cautious"] | None,
    typer.Option(
        help="Thresholds of the verdict: strict calls few real videos FAKE, screening few fakes REAL,"
        " cautious both, with UNDECIDED between. Default: cautious, or balanced if the model has no"
        " cautious."
    ),
]
Address = Annotated[
    str,
    typer.Option(
        help="Address to listen on; 0.0.0.0 exposes the server to the network without"
        " authentication."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set a value of params.yaml, like train.epochs=12."
    ),
]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
Megabytes = Annotated[int, typer.Option(min=1, help="Maximum upload size in MB.")]
Minutes = Annotated[float, typer.Option(min=0.01, help="Maximum video length in minutes.")]
Waiting = Annotated[
    int, typer.Option(min=0, help="Maximum number of waiting files; further ones are refused.")
]


@app.callback()
def main() -> None:
    """Deepfake detection with the models of this repository.

    `dvc repro` runs the pipeline that trains them.
    """


# Typer keeps the line breaks of docstrings, so these lines fit into a terminal of 80 columns.


@app.command()
def predict(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Images, videos, folders, 'quoted patterns', https:// or s3:// addresses; - reads a"
            " list from standard input.",
            metavar="PATH...",
        ),
    ] = None,
    model: Model = None,
    runtime: Runtime = None,
    operating_point: OperatingPoint = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per file.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one line of CSV per file.")] = False,
    output: Output = None,
    frames: Annotated[
        bool,
        typer.Option(
            "--frames", help="Print the scores of single frames too; with --csv, only these."
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write an HTML report with heat maps for each file to this folder."
        ),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.mp4", help="Write a copy of the video with boxes and scores on the faces."
        ),
    ] = None,
    watch: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Predict each file in this folder, and each that arrives, until interrupted; the"
            " same content once. See docs/predicting.md.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Number of processes; 0 means one per core.")
    ] = 0,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Decode on the nodes of a Ray cluster: auto, HOST:PORT or ray://HOST:PORT; see"
            " docs/scaling.md.",
        ),
    ] = None,
    video_seconds: Annotated[
        float,
        typer.Option(min=0.1, help="Maximum time per file in seconds; slower files are UNDECIDED."),
    ] = 600,
    video_gigabytes: Annotated[
        float,
        typer.Option(
            min=0.1, help="Maximum memory per file in GB; files that need more are UNDECIDED."
        ),
    ] = 4,
) -> None:
    """Predict for each file whether it shows a swapped face: REAL, FAKE or UNDECIDED.

    The score, 0 to 1, is that of the most suspicious person: the higher, the more
    likely FAKE. The heading says so if it is not calibrated. The operating point,
    chosen on validation videos, makes a verdict of it: one or two thresholds, with
    how often they were wrong on test videos. The score range over frames (95 %)
    shows how much the score depends on which frames were analysed. UNDECIDED has a
    reason: a score in the middle, no usable face, a file that is missing or
    unreadable, an address that cannot be fetched. See docs/predicting.md.

    Exit code: 0 if every file has a verdict, 3 if some are UNDECIDED, 1 if the
    model is not found or a folder or pattern has no file (other files are still
    predicted), 2 for wrong options, 130 if interrupted (0 with --watch).

    Example: deepfake predict clip.mp4 photos/ --report reports
    """
    from deepfake.params.schema import ExecutionParams
    from deepfake.predict.command import OutputFormat, PredictOptions, run

    if as_json + as_csv + bool(output) > 1:
        raise typer.BadParameter("--json, --csv and --output exclude each other")
    if bool(paths) == bool(watch):
        raise typer.BadParameter("name files, or a folder with --watch")
    if annotate and watch:
        raise typer.BadParameter("--annotate takes one video, not --watch")
    if annotate and annotate.suffix.lower() != ".mp4":
        raise typer.BadParameter("--annotate writes an MP4, so its name must end in .mp4")
    if output:
        check_output(output, frames, watch is not None, annotate is not None)
    output_format: OutputFormat = "json" if as_json else "csv" if as_csv else "table"
    limits = ExecutionParams(
        engine="ray" if ray else "local",
        address=ray,
        workers=workers,
        video_seconds=video_seconds,
        video_gigabytes=video_gigabytes,
        download_gigabytes=0,  # `predict` downloads by itself
    )
    options = PredictOptions(
        paths=paths or [],
        model=model,
        output_format=output_format,
        with_frames=frames,
        report=report,
        annotate=annotate,
        limits=limits,
        runtime=runtime,
        operating_point=operating_point,
        watch=watch,
        output=output,
    )
    try:
        code = run(options)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    raise typer.Exit(code)


@app.command("app")
def page(
    model: TorchModel = None,
    operating_point: OperatingPoint = None,
    address: Address = "127.0.0.1",
    port: Port = 8501,
    megabytes: Megabytes = 100,
    minutes: Minutes = 10,
    waiting: Waiting = 8,
    addresses: Annotated[
        bool | None,
        typer.Option(
            "--fetch/--no-fetch",
            help="Let people name an http or https address on the public internet instead of a"
            " file. Default: only if the page listens on this machine alone.",
        ),
    ] = None,
    feedback: Annotated[
        bool,
        typer.Option(
            help="Let people note wrong verdicts in data/feedback. Always off if the page listens"
            " beyond this machine."
        ),
    ] = True,
    total_megabytes: Annotated[
        int,
        typer.Option(
            min=1, help="Maximum size of the files and results of all people in memory, in MB."
        ),
    ] = 2000,
    keep_minutes: Annotated[
        float,
        typer.Option(
            min=0.01,
            help="Files and results are deleted this time after a page was closed or lost its"
            " connection.",
        ),
    ] = 10,
) -> None:
    """Serve a web page that gives verdicts on images and videos.

    Files are sent nowhere, and deleted some minutes after the page was closed, unless
    a person asks to keep one as feedback. See docs/page.md.

    Exit code: 0 if interrupted, else that of the server.

    Example: deepfake app --port 8501
    """
    from deepfake.predict.source import is_onnx
    from deepfake.serving.page_command import PageSettings, is_local, serve_page
    from deepfake.serving.uploads import UploadLimits

    if model is not None and is_onnx(model):
        typer.echo(
            f"error: {model} gives no heat maps, which the page shows: use a model folder", err=True
        )
        raise typer.Exit(1)
    limits = UploadLimits(megabytes=megabytes, minutes=minutes, waiting=waiting)
    local = is_local(address)
    settings = PageSettings(
        model,
        limits,
        operating_point,
        addresses=local if addresses is None else addresses,
        feedback=local and feedback,
        total_megabytes=total_megabytes,
        keep_minutes=keep_minutes,
    )
    raise typer.Exit(serve_page(settings, address, port))


@app.command()
def serve(
    model: Model = None,
    runtime: ServeRuntime = None,
    operating_point: OperatingPoint = None,
    address: Address = "127.0.0.1",
    port: Port = 8000,
    megabytes: Megabytes = 100,
    minutes: Minutes = 10,
    waiting: Waiting = 8,
    api_keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Refuse requests without a key of this file (`deepfake api-key`)."
        ),
    ] = None,
    rate_limit: Annotated[
        int,
        typer.Option(
            min=0, help="Maximum number of requests of a client per minute; 0 means no limit."
        ),
    ] = 0,
    keep_minutes: Annotated[
        float, typer.Option(min=0.01, help="Results of a batch are deleted after this time.")
    ] = 60,
) -> None:
    """Serve predictions over HTTP: POST a file to /predict, get JSON.

    The JSON is that of `deepfake predict --json`; many files go to /batches; /docs
    documents the API. There is no encryption: put a reverse proxy in front.

    Exit code: 0 if interrupted, 1 if there is no model or no file of keys.

    Example: deepfake serve & curl -F file=@clip.mp4 http://localhost:8000/predict
    """
    from deepfake.serving.access import ApiKeys
    from deepfake.serving.api import ApiSettings
    from deepfake.serving.api import serve as serve_api
    from deepfake.serving.service import Service
    from deepfake.serving.uploads import UploadLimits

    limits = UploadLimits(megabytes=megabytes, minutes=minutes, waiting=waiting)
    try:
        keys = ApiKeys.read(api_keys) if api_keys else None
        service = Service.load(model, limits, runtime, operating_point)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for note in service.detector.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"serving at http://{address}:{port}, documentation at /docs", err=True)
    serve_api(service, address, port, ApiSettings(keys, rate_limit, keep_minutes))


app.command("api-key")(api_key)
app.command()(model_commands.evaluate)
app.command()(model_commands.ship)
app.command()(model_commands.release)
app.command("import-model")(model_commands.import_model)
app.command()(review)
app.command()(gate)
app.command("list-files")(list_files)
app.command("feedback")(feedback_command)
app.command()(sweep)


@app.command()
def audit(
    splits: Annotated[
        Path,
        typer.Argument(
            help="Folder with train.csv, val.csv and test.csv, root of a data set with official"
            " splits, or JSON file of DeepfakeBench."
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON object.")
    ] = False,
) -> None:
    """Check splits for leaks: people, originals and files shared by two splits.

    The tables need the columns path and label. The columns video_id, target (or
    identity), source, original, clusters and content allow more checks. A person
    "a:b" is the same person in every data set.

    Exit code: 0 without leaks, 1 with leaks, 2 if the splits cannot be read.

    Example: deepfake audit data/splits
    """
    from deepfake.splits import audit as leaks  # loads every importer

    try:
        found = leaks.audit(leaks.read_splits(splits))
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(json.dumps(found, indent=2) if as_json else leaks.describe(found))
    raise typer.Exit(1 if found["leaks"] else 0)


@app.command()
def cache(
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Delete results that the current manifest does not need."),
    ] = False,
) -> None:
    """Show the size of the scratch cache, and how much of it is still needed.

    .scratch/videos keeps the results of the frames, crops, landmarks and
    identities stages for each video, so that a run processes only new videos,
    also after an interruption. You can delete it at any time. Results of other
    parameters or of earlier code stay in it until they are pruned.

    Exit code: 0, or 1 if the manifest is missing or params.yaml is invalid.

    Example: deepfake cache --prune
    """
    from deepfake.cli import cache_report  # loads the decoders
    from deepfake.jobs.cache import Cache
    from deepfake.params.loading import load_params

    try:
        results = cache_report.cached_results(Cache(), load_params())
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for row in cache_report.overview(results).to_dict("records"):
        sizes = f"{_megabytes(row['bytes'])}, {row['needed']} needed"
        typer.echo(f"{row['step']:<15} {row['results']:>7} results, {sizes}")
    unneeded = [one for one in results if not one.needed]
    size = _megabytes(sum(one.size for one in unneeded))
    if prune:
        cache_report.prune(results)
    hint = "not needed; --prune deletes them" if unneeded else "not needed"
    hint = "deleted" if prune else hint
    typer.echo(f"{len(results)} results in all, {len(unneeded)} ({size}) {hint}")


@app.command()
def doctor(
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Also read every object in DVC's cache and remotes, delete damaged ones, and fetch or"
            " push them again.",
        ),
    ] = False,
) -> None:
    """Check that everything that the pipeline needs works on this machine.

    Checks Python, packages, device, decoders, face detector, params.yaml, data,
    model, git, DVC's cache, links and remotes, dvc.lock, disk and shared memory. A
    line that is not ok ends with what to do. Without --verify, nothing is changed.

    Exit code: 0 if nothing failed (warnings do not count), else 1.

    Example: deepfake doctor
    """
    from deepfake.cli.checks import State
    from deepfake.cli.doctor import examine

    states = []
    for check in examine(verify):
        typer.echo(str(check))
        states.append(check.state)
    failed, warnings = (states.count(state) for state in (State.FAILED, State.WARNING))
    typer.echo(f"{len(states)} checks, {failed} failed, {warnings} with a warning")
    raise typer.Exit(1 if failed else 0)


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="Name of an overlay: experiments/NAME.yaml.")],
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", metavar="NAME=PATH", help="Folder of a data set; later runs remember it."
        ),
    ] = None,
    settings: Settings = None,
    stage: Annotated[str | None, typer.Option(help="Last stage to run. Default: all.")] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="NAME", help="Name of the run. Default: the name of the overlay."
        ),
    ] = None,
) -> None:
    """Run the pipeline with experiments/NAME.yaml over params.yaml in its own folder.

    The folder is .scratch/experiments/NAME; metrics and plots are copied to
    experiments/results/NAME. The same command resumes an interrupted run.

    Exit code: that of `dvc repro`; 1 if overlay or data is missing or invalid.

    Example: deepfake experiment dfdc_faces --data dfdc_faces=/data/dfdc_faces
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
def seeds(
    count: Annotated[int, typer.Argument(metavar="N", min=1, help="Number of seeds.")],
    name: Annotated[
        str | None,
        typer.Argument(help="Name of an overlay, experiments/NAME.yaml. Default: none."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="NAME=PATH",
            help="Folder of a data set. Default, without an overlay: as in params.yaml.",
        ),
    ] = None,
    settings: Settings = None,
    variant: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Name of the runs, before _seed0, _seed1, ..."),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Run nothing; report the seeds that are finished.")
    ] = False,
) -> None:
    """Train with N seeds, and say how much of a difference between two runs is luck.

    Each seed is a run as of `deepfake experiment`, NAME_seed0 and so on, with the
    same splits. Finished runs are not run again, so the same command resumes. The
    summary is written to experiments/results/NAME_seeds.json.

    Exit code: that of the first `dvc repro` that fails; 1 if an overlay, data or
    results are missing or invalid.

    Example: deepfake seeds 5 dfdc_faces --data dfdc_faces=/data/dfdc_faces
    """
    from deepfake.experiments import seeds as runs  # loads every importer
    from deepfake.experiments.data import parse_data

    try:
        base = runs.base_name(name, variant)
        if not report:
            roots = parse_data(data or [])
            code = runs.run_seeds(Path(), name, count, roots, settings or [], variant)
            if code:
                raise typer.Exit(code)
        found = runs.finished_seeds(Path(), base, count)
        summary = runs.write_summary(Path(), base, found)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(runs.describe_seeds(found))
    typer.echo(f"written to {summary}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
