"""`flask token …`: keys for programs, from the command line of the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from app import tokens
from app.models import Person, Token
from app.permissions import SCOPES, SYSTEM
from blueprints.api import bp, keys

GONE = "a deleted table"


@bp.cli.command("add")
@click.argument("email")
@click.argument("name")
@click.option("--scope", default="read", help=f"What it may do: {', '.join(SCOPES)}.")
@click.option(
    "--table", "tables", multiple=True, metavar="TOOL/TABLE",
    help="Only for this table; can be repeated. Without it for all that the person sees.",
)  # fmt: skip
@click.option(
    "--days",
    type=int,
    default=tokens.USUAL_DAYS,
    show_default=True,
    help="For how many days it lasts.",
)
@click.option("--without-end", is_flag=True, help="It lasts until it is revoked.")
def add(
    email: str, name: str, scope: str, tables: tuple[str, ...], days: int, without_end: bool
) -> None:
    """Make a key by which a program acts for a person. The key is printed, and cannot be had again."""
    key, text = keys.make_for(email, name, scope, tables, None if without_end else days)
    end = f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "until it is revoked"
    click.echo(f"Key {key.id} of {email}, scope {key.scope}, works {end}. Keep it now:", err=True)
    click.echo(text)


@bp.cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_keys(as_json: bool) -> None:
    """List all keys: by what they begin, what they may do and when they were used last."""
    names = keys.named()
    rows = [_row(key, person, names) for key, person in tokens.everything()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        tables = "all tables" if row["tables"] is None else ", ".join(row["tables"])
        used, end = row["last_used_at"] or "never used", row["expires_at"] or "without end"
        end = "revoked" if row["revoked_at"] else end
        words = (row["id"], row["email"], row["name"], row["scope"], row["begins"])
        click.echo("\t".join((*map(str, words), tables, used, end)))


def _row(key: Token, person: Person, names: Mapping[int, str]) -> dict[str, Any]:
    moments = ("created_at", "last_used_at", "expires_at", "revoked_at")
    told = {name: value.isoformat() if (value := getattr(key, name)) else None for name in moments}
    tables = None if key.tables is None else [names.get(id, GONE) for id in key.tables]
    return {
        "id": key.id, "email": person.email, "name": key.name, "scope": key.scope,
        "tables": tables, "begins": key.begins, **told,
    }  # fmt: skip


@bp.cli.command("revoke")
@click.argument("key_id", metavar="ID", type=int)
def revoke(key_id: int) -> None:
    """End a key for good: it is refused from now on, and cannot be brought back."""
    tokens.revoke(SYSTEM, key_id)
    click.echo(f"Key {key_id} is revoked for good.")
