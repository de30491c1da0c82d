"""`deepfake list-files`: what is at the address of a remote data set."""

from typing import Annotated

import typer

from deepfake.base.errors import DeepfakeError, format_list


def list_files(
    name: Annotated[
        str, typer.Argument(help="Name of the data set; its listing is data/listings/NAME.")
    ],
    address: Annotated[
        str | None,
        typer.Argument(
            help="Where its files are: s3://bucket/prefix, https://host/folder, sftp://host/folder."
            " Default: that of the present listing."
        ),
    ] = None,
) -> None:
    """List the files of a remote data set, so that DVC notices those that changed.

    Writes data/listings/NAME: path, size and version of each file, and copies of
    the small files that describe the videos, such as labels.csv. No video is
    downloaded; the frames stage does that. Set dataset.NAME.root to this folder.

    Run it again after the files changed, then `dvc repro`. See docs/your-data.md.

    Exit code: 0, or 1 if the address cannot be read; the listing is then unchanged.

    Example: deepfake list-files mine s3://bucket/videos
    """
    from deepfake.datasets.remote import LISTINGS, update_listing

    folder = LISTINGS / name
    try:
        changes = update_listing(folder, address)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    files = changes.listing.files
    gigabytes = sum(file.size for file in files) / 1e9
    typer.echo(
        f"{folder}: {len(files)} files, {gigabytes:.2f} GB in {changes.listing.address};"
        f" {changes.added} new, {changes.changed} changed, {changes.removed} removed"
    )
    if changes.left_out:
        title = f"{len(changes.left_out)} files left out, which no local disk could hold:"
        typer.echo(format_list(title, [repr(path) for path in changes.left_out], 3))
    typer.echo(f"set dataset.{name}.root to {folder}, track it with git or DVC, run `dvc repro`")
