"""`deepfake gate`: whether results may be merged."""

from typing import Annotated

import typer

from deepfake.base.errors import DeepfakeError
from deepfake.base.text import printable


def gate(
    base: Annotated[
        str | None,
        typer.Argument(
            help="Revision to merge into: a branch, tag or commit. Default: the merge base of HEAD and"
            " the branch main."
        ),
    ] = None,
) -> None:
    """Check that the results in the work tree may be merged.

    Refuses if dvc.lock is not current, the default remote lacks an output, a metric
    is outside of its limit or worse than in BASE beyond the paired interval, leaks
    appear, the coverage drops, or the model card is stale. Limits are in params.yaml
    under gate. See docs/continuous-integration.md.

    Exit code: 0 if it passes; 1 if not, with one line per reason; 2 if it cannot be
    checked, because a revision is unknown or params.yaml is invalid.

    Example: deepfake gate main
    """
    from deepfake.params.loading import load_params
    from deepfake.review.gate import judge  # loads DVC

    try:
        judgement = judge(base, load_params().gate)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    for line in str(judgement).splitlines():
        typer.echo(printable(line))
    raise typer.Exit(1 if judgement.reasons else 0)
