"""`flask role …`: roles, from the command line of the machine."""

from __future__ import annotations

import json

import click

from app import people
from blueprints.people import bp


@bp.cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_roles(as_json: bool) -> None:
    """List the roles that people can have."""
    rows = [{"name": one.name, "description": one.description} for one in people.all_roles()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        click.echo("\t".join(row.values()))
