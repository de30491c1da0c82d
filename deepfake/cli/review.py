"""`deepfake review`: two revisions on one page."""

from pathlib import Path
from typing import Annotated

import typer

from deepfake.base.errors import DeepfakeError
from deepfake.base.text import printable


def review(
    base: Annotated[
        str | None,
        typer.Argument(
            help="Revision to compare with: a branch, tag, commit or experiment of DVC. Default: the"
            " merge base of HEAD and the branch main."
        ),
    ] = None,
    head: Annotated[
        str | None, typer.Argument(help="Revision to review. Default: the work tree.")
    ] = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder to write review.md and review.html to.")
    ] = Path(".scratch/review"),
) -> None:
    """Compare two revisions: metrics, verdicts, params, data, code and plots.

    Metrics are compared on the videos that both have scored, with paired intervals.
    The verdict on each is better, worse, no evidence or not comparable, corrected
    for the number of metrics. Nothing is checked out; what is missing is read from
    DVC's cache or remote, or listed at the end. See docs/reviewing.md.

    Exit code: 0, also if metrics are worse, which `deepfake gate` judges; 1 if a
    revision is unknown or cannot be read.

    Example: deepfake review main
    """
    from deepfake.review.review import review as compare  # loads DVC
    from deepfake.review.review import write_page

    try:
        page = compare(base, head)
        paths = write_page(page, output)
    except (DeepfakeError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(printable(f"{page.old} → {page.new}"))
    for note in page.sections[0].notes:
        typer.echo(printable(note))
    typer.echo(f"see {' and '.join(map(str, paths))}")
