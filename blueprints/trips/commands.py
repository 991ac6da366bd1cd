"""`flask trip …`: the trips that were kept on disk, from the command line of the machine."""

from __future__ import annotations

import json
from typing import Any

import click

from blueprints.trips import bp, services, words
from blueprints.trips.filters import Filters
from blueprints.trips.markdown import as_markdown

MOST = 20_000


@bp.cli.command("list")
@click.option("--slow", type=click.IntRange(min=1), metavar="MS", help="Only those of so many ms.")
@click.option("--errors", is_flag=True, help="Only those that failed.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_trips(slow: int | None, errors: bool, as_json: bool) -> None:
    """List the kept trips, the newest first."""
    found = services.kept(Filters(slow=slow, errors=errors), MOST)
    if as_json:
        click.echo(json.dumps([_row(row) for row in found], ensure_ascii=False))
        return
    for row in found:
        click.echo(_line(row))


def _row(row: services.Row) -> dict[str, Any]:
    names = ("id", "began_at", "method", "path", "route", "status", "total_us", "n_queries")
    return {name: getattr(row, name) for name in (*names, "person", "outcome", "keep")}


def _line(row: services.Row) -> str:
    what = words.plain(f"{row.method} {row.path}", 100)
    return "\t".join(
        (row.id, row.began_at, str(row.status or "-"), words.ms(row.total_us), row.keep, what)
    )


@bp.cli.command("show")
@click.argument("trip_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(trip_id: str, as_json: bool) -> None:
    """Show one kept trip. ID is its number, or the short form that pages show."""
    data = services.read(trip_id)
    if data is None:
        raise click.ClickException(f"No trip with the number {words.plain(trip_id, 40)} is kept.")
    click.echo(json.dumps(data, ensure_ascii=False) if as_json else as_markdown(data), nl=as_json)


@bp.cli.command("prune")
def prune() -> None:
    """Delete what is older than seven days, or over 20,000 trips or 200 MB."""
    click.echo(f"{words.count(services.keeper().store.prune(), 'trip')} deleted.")
