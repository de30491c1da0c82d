"""Commands on models and on scores: evaluate, ship, import-model."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from deepfake.base.errors import DeepfakeError
from deepfake.base.text import printable


def evaluate(
    scores: Annotated[
        Path,
        typer.Argument(
            help="CSV or JSON file with a name (video_id, path, file, ...) and a score (score, prob,"
            " pred, ...) per video."
        ),
    ],
    split: Annotated[
        Path | None,
        typer.Option(
            help="Table of the videos with their labels and groups, such as data/splits/test.csv."
            " Default: the labels in SCORES."
        ),
    ] = None,
    fake: Annotated[
        Literal["high", "low"], typer.Option(help="Scores that mean FAKE: high or low ones.")
    ] = "high",
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Score that divides REAL and FAKE. Default: a column threshold, or 0.5 if all scores"
            " are 0 to 1; needed otherwise."
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Second file of scores, such as data/predictions/test.csv; compares the ROC-AUC on"
            " the common videos. High scores mean FAKE in it."
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the metrics to this file.")
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write curves and their figure to this folder."),
    ] = None,
) -> None:
    """Measure the scores of any detector on the videos of a split.

    Metrics, intervals and plots are those of the stage evaluate, with the
    parameters of params.yaml. A video of the split without a score is UNDECIDED
    and counts in the coverage; a row of a video that the split does not have is
    reported. See docs/comparing.md.

    Exit code: 0, or 1 if a file cannot be used.

    Example: deepfake evaluate scores.csv --split data/splits/test.csv --fake high
    """
    from deepfake.cli import score_report  # loads the metrics
    from deepfake.params.loading import load_params

    try:
        inputs = [path for path in (scores, split, against) if path is not None]
        score_report.check_outputs(inputs, json_file, plots)
        params = load_params().evaluate
        report = score_report.report_scores(scores, split, fake, threshold, params)
        if against is not None:
            report = score_report.compared(report, against, split, params)
        if json_file is not None:
            report.write_json(json_file)
        if plots is not None:
            report.write_plots(plots)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    score_report.print_report(report)


def ship(
    run: Annotated[str, typer.Argument(help="Name of a finished experiment run.")],
) -> None:
    """Make the model of an experiment the starter, models/starter, in half precision.

    `deepfake predict` uses the starter until you train a model on your own data, and
    training with train.init: starter begins with it. Its README.md is written from the
    results of the run and docs/starter-notes.md, which holds all that is no number.

    Exit code: 0, or 1 if the experiment is not finished.

    Example: deepfake ship dfdc_faces
    """
    from deepfake.experiments.run import ship_model  # loads every importer

    try:
        folder = ship_model(Path(), run)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{folder} is now the model of {run}; its card is {folder / 'README.md'}")


def release(
    version: Annotated[
        str, typer.Argument(help="Version by semantic versioning, such as 1.0.0 or 1.1.0-rc.1.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, and print the tag's message; make no tag.")
    ] = False,
) -> None:
    """Release the model of the last commit: check it, and tag it as model@vVERSION.

    Refuses if the work tree has changes, the exported model was not compared with
    the trained one, or the gate is not passed against the version before (for the
    first one, the merge base with main). The gate checks results, model card,
    limits, metrics, and outputs in the default remote. The tag's message has the
    metrics of test and the machine. Nothing is pushed: the command for it is
    printed. See docs/releases.md.

    Exit code: 0 if the tag is made or, with --dry-run, could be; 1 if not, with
    one line per reason; 2 if it cannot be checked.

    Example: deepfake release 1.0.0 --dry-run
    """
    from deepfake.cli.release import check_release  # loads DVC

    try:
        checked = check_release(version)
        for line in str(checked.judgement).splitlines():
            typer.echo(printable(line))
        if checked.judgement.reasons:
            raise typer.Exit(1)
        if dry_run:
            typer.echo(f"\n{checked.tag} is not made. Its message would be:\n\n{checked.message}")
            return
        push = checked.make_tag()
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(f"\n{checked.tag} is a tag of this clone. To publish it: {push}")


def import_model(
    weights: Annotated[
        Path,
        typer.Argument(
            help="State dict of torchvision's ResNet-18 with one or two outputs: .safetensors, or a"
            " file of torch.save."
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to write the model to.")],
    classes: Annotated[
        Literal["real,fake", "fake,real"],
        typer.Option(
            help="Order of the classes in training. ImageFolder of torchvision sorts: fake,real."
        ),
    ],
    size: Annotated[int, typer.Option(min=1, help="Side of the network's input in pixels.")],
    margin: Annotated[
        float,
        typer.Option(min=1, help="Side of the crops over the longer side of the face box."),
    ],
    normalisation: Annotated[
        Literal["imagenet", "half", "none"] | None,
        typer.Option(
            help="imagenet, half (mean and std 0.5) or none (0 to 1). Needed unless --mean and --std"
            " are given."
        ),
    ] = None,
    mean: Annotated[
        str | None, typer.Option(metavar="R,G,B", help="Mean per channel, of values 0 to 1.")
    ] = None,
    std: Annotated[
        str | None,
        typer.Option(metavar="R,G,B", help="Standard deviation per channel, of values 0 to 1."),
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Scores from here on are FAKE.")
    ] = 0.5,
) -> None:
    """Make a model of the weights of a ResNet-18 that was trained elsewhere.

    `deepfake predict` and `deepfake app` take the folder as --model. Nothing is
    unpickled. Frames and faces are prepared as params.yaml says, with the given
    margin. The scores are not calibrated. See docs/comparing.md.

    Exit code: 0, 1 if the file is not such a model, 2 for wrong options.

    Example: deepfake import-model best_model.pth models/other --classes fake,real
    --size 224 --margin 1.3 --normalisation imagenet
    """
    from deepfake.model import imported  # loads torch
    from deepfake.params.loading import load_params

    if (normalisation is None) == (mean is None or std is None):
        raise typer.BadParameter("give either --normalisation, or both --mean and --std")
    channels = (
        imported.NORMALISATIONS[normalisation]
        if normalisation
        else (_channels("--mean", mean), _channels("--std", std))
    )
    fake_class = classes.split(",").index("fake")
    settings = imported.ImportSettings(fake_class, size, *channels, margin, threshold)
    try:
        imported.import_model(weights, folder, settings, load_params())
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{folder} is a model: deepfake predict clip.mp4 --model {folder}")


def _channels(option: str, text: str | None) -> tuple[float, float, float]:
    """Three numbers of an option, those of --std above 0."""
    try:
        red, green, blue = map(float, str(text).split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"{option} {text}: give three numbers, such as 0.5,0.5,0.5"
        ) from error
    if option == "--std" and min(red, green, blue) <= 0:
        raise typer.BadParameter(f"{option} {text}: each must be above 0")
    return red, green, blue
