"""`flask equipment …`, for the machine's operator."""

from __future__ import annotations

from pathlib import Path

import click

from app.permissions import SYSTEM
from blueprints.equipment import bp, loading


@bp.cli.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(file: Path) -> None:
    """Load items from a CSV or XLSX file whose first line names the columns.

    Rows that cannot be loaded are listed with their line and the reason. Loading a file again adds
    only what is new. Ends with status 1 where nothing was added.
    """
    added = refused = 0
    for line, reason in loading.load(SYSTEM, file):
        added, refused = added + (not reason), refused + bool(reason)
        if reason:
            click.echo(f"line {line:,}: {reason}", err=True)
    click.echo(f"{added + refused:,} rows: {added:,} added, {refused:,} refused.")
    if not added:
        raise click.ClickException("Nothing was added.")
