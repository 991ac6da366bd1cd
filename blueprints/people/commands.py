"""`flask role …`: roles, from the command line of the machine."""

from __future__ import annotations

import json

import click

from app import roles
from app.people import all_roles
from blueprints.people import bp, grid


@bp.cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_roles(as_json: bool) -> None:
    """List the roles: who has how many, and what each gives."""
    sizes = roles.sizes()
    found = [(one, sizes.get(one.id, 0)) for one in all_roles()]
    if as_json:
        rows = [
            {
                "id": one.id, "name": one.name, "description": one.description, "people": size,
                "rights": one.rights, "grants": one.grants,
            }
            for one, size in found
        ]  # fmt: skip
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for one, size in found:
        click.echo(f"{one.name}\t{size}\t{'; '.join(grid.gives(one)) or 'nothing yet'}")
