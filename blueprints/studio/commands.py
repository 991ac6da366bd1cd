"""`flask tool …`: the tools there are, and the beginning of one that is written."""

from __future__ import annotations

import json
from pathlib import Path

import click
from flask import current_app

import blueprints
from app.errors import Invalid
from app.fields.names import is_table_name, table_name
from app.permissions import SYSTEM
from app.tables import catalog
from blueprints.studio import bp, services

SMALLEST = '''"""/tools/{name}/: list, form, history, import and export of every model below. Read /docs/blueprint."""

import sqlalchemy.orm as so
from flask import Blueprint

from app.extensions import db
from app.tables.written import Options

bp = Blueprint("{name}", __name__, url_prefix="/tools/{name}")


class {model}(db.Model):
    __options__ = Options(label="{label}", access="edit")

    name: so.Mapped[str]
    note: so.Mapped[str | None]
'''


@bp.cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_tools(as_json: bool) -> None:
    """List the tools with their tables."""
    found = [
        {"tool": tool.name, "table": live.table.name, "label": live.table.label}
        for tool, tables in catalog.open_to(SYSTEM).items()
        for live in tables
    ]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        click.echo("\t".join((f"{one['tool']}/{one['table']}", one["label"])))


@bp.cli.command("new")
@click.argument("name")
def new(name: str) -> None:
    """Write the smallest useful tool, a file to go on from. NAME is its part of the address."""
    if not is_table_name(name):
        raise Invalid(f"“{name}” cannot be the name of a tool; “{table_name(name)}” can.")
    path = Path(blueprints.__file__).parent / f"{name}.py"
    if name in current_app.blueprints or path.exists() or services.is_tool(name):
        raise Invalid(f"There is a tool {name} already.")
    label = name.strip("_").replace("_", " ").capitalize()
    model = "".join(word.capitalize() for word in name.split("_")).removesuffix("s") or "Thing"
    path.write_text(SMALLEST.format(name=name, model=model, label=label), encoding="utf-8")
    click.echo(f"{path} was written. Start the app again, or run `flask upgrade`, and it is there.")


@bp.cli.command("delete")
@click.argument("name")
def delete(name: str) -> None:
    """Take the tables of a tool out of sight; they can be restored for thirty days."""
    for table in services.delete_tool(SYSTEM, name):
        click.echo(f"{table.label} was deleted.")
