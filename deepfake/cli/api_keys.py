"""`deepfake api-key`: keys for `deepfake serve --api-keys`."""

from pathlib import Path
from typing import Annotated

import typer

from deepfake.base.errors import DeepfakeError


def api_key(
    name: Annotated[str, typer.Argument(help="Name of who gets the key; it is in the log.")],
    file: Annotated[Path, typer.Argument(help="File of keys for `deepfake serve --api-keys`.")],
) -> None:
    """Make an API key for a client of the server, and print it once.

    The file gets the name and the SHA-256 of the key, never the key. To take a key
    back, delete its line and restart the server. See docs/page.md.

    Exit code: 0, or 1 if the name is taken or the file cannot be written.

    Example: deepfake api-key newsroom keys.txt
    """
    from deepfake.serving.access import add_key  # loads the web framework

    try:
        key = add_key(file, name)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{file} has the digest of this key, which is not shown again:", err=True)
    typer.echo(key)
