"""`flask user …`: people, from the command line of the machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from app import people
from app.models import Person, Role
from blueprints.auth import bp


def _print_link(email: str) -> None:
    link = f"{people.address()}/auth/reset/{people.reset_link(email)}"
    say = f"By this link {email} chooses a password. It works once, for {people.RESET_MINUTES} minutes."
    click.echo(say, err=True)
    click.echo(link)


@bp.cli.command("add")
@click.argument("email")
@click.option(
    "--name", default="", help="The person's name; by default the part of the email before the @."
)
@click.option(
    "--role", "roles", multiple=True, metavar="ROLE", help="Give them this role; can be repeated."
)
@click.option("--admin", is_flag=True, help="Make them an administrator.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)
def add(email: str, name: str, roles: tuple[str, ...], admin: bool, password_stdin: bool) -> None:
    """Add a person. Without a password a one-use link is printed, by which they choose one."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    person = people.add(email, name, admin, password, roles)
    click.echo(f"{person.name} <{person.email}> was added.", err=password is None)
    if password is None:
        _print_link(person.email)


@bp.cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_people(as_json: bool) -> None:
    """List everybody."""
    found = people.everybody()
    roles = people.roles_by_person([person.id for person in found])
    rows = [_row(person, roles[person.id]) for person in found]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        marks = [word for word in ("admin", "disabled") if row[word]]
        click.echo(
            "\t".join((row["email"], row["name"], ", ".join(marks), ", ".join(row["roles"])))
        )


def _row(person: Person, roles: Sequence[Role]) -> dict[str, Any]:
    seen = person.last_seen_at.isoformat() if person.last_seen_at else None
    return {
        "email": person.email,
        "name": person.name,
        "admin": person.admin,
        "roles": [role.name for role in roles],
        "active": person.active,
        "disabled": not person.active,
        "last_seen_at": seen,
    }


@bp.cli.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """End a person's access and all their sessions."""
    person = people.disable(email)
    click.echo(f"{person.email} can no longer sign in.")


@bp.cli.command("enable")
@click.argument("email")
def enable(email: str) -> None:
    """Let a disabled person sign in again."""
    person = people.enable(email)
    click.echo(f"{person.email} can sign in again.")


@bp.cli.command("admin")
@click.argument("email")
@click.option("--off", is_flag=True, help="Make them a member again.")
def make_admin(email: str, off: bool) -> None:
    """Make a person an administrator."""
    person = people.set_admin(email, not off)
    click.echo(f"{person.email} is {'a member' if off else 'an administrator'} now.")


@bp.cli.command("reset-link")
@click.argument("email")
def reset_link(email: str) -> None:
    """Print a one-use link by which a person sets a new password. It works for an hour."""
    _print_link(email)
