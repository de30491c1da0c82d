"""`deepfake feedback`: reviewed feedback of the page as a data set."""

from pathlib import Path
from typing import Annotated

import typer

from deepfake.base.errors import DeepfakeError


def feedback(
    folder: Annotated[
        Path, typer.Argument(help="Folder with feedback.csv, which `deepfake app` writes.")
    ] = Path("data/feedback"),
) -> None:
    """Write labels.csv from the rows of feedback.csv that a reviewer has marked.

    In the column review, write accepted or rejected; correct the label, and add the
    columns method, target, source and original if you know them. The folder is then
    a data set of layout csv. See docs/your-data.md.

    Exit code: 0, or 1 if there is no feedback or a row is invalid.

    Example: deepfake feedback
    """
    from deepfake.serving.feedback import LABELS, accept

    try:
        found = accept(folder)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{folder / LABELS}: {found.files} files")
    for count, what in (
        (found.without_file, "accepted rows have no file, which was not kept"),
        (found.unreviewed, "rows are unreviewed"),
    ):
        if count:
            typer.echo(f"{count} {what}")
