"""`flask equipment …`, for the machine's operator."""

from __future__ import annotations

from pathlib import Path

import click

from app.permissions import SYSTEM
from blueprints.equipment import bp, loading


@bp.cli.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(file: Path) -> None:
    """Load items from a CSV file in UTF-8 whose first line names the columns.

    Rows that cannot be loaded are listed with their line and the reason. Loading a file again adds
    only what is new. Ends with status 1 where nothing was added.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            report = loading.load(SYSTEM, lines, _refused)
    except UnicodeDecodeError:
        raise click.ClickException(
            f"{file.name} is not in UTF-8. Save it as “CSV UTF-8”."
        ) from None
    click.echo(
        f"{report.added + report.refused:,} rows: {report.added:,} added, {report.refused:,} refused."
    )
    if not report.added:
        raise click.ClickException("Nothing was added.")


def _refused(line: int, reason: str) -> None:
    click.echo(f"line {line:,}: {reason}", err=True)
