"""`flask user …`: people, from the command line of the machine."""

from __future__ import annotations

import json
import sys

import click
from flask import current_app

from app.errors import AppError, Invalid
from app.models import Person
from blueprints.auth import bp, services


def _or_fail(error: AppError) -> click.ClickException:
    words = "; ".join(message for _, message in error.errors) if isinstance(error, Invalid) else ""
    return click.ClickException(words or error.detail)


def _print_link(email: str) -> None:
    base = (
        current_app.config["ROUNDTRIP_PUBLIC_URL"]
        or f"http://127.0.0.1:{current_app.config['ROUNDTRIP_PORT']}"
    )
    click.echo(f"{base}/auth/reset/{services.reset_link(email)}")


@bp.cli.command("add")
@click.argument("email")
@click.option(
    "--name", default="", help="The person's name; by default the part of the email before the @."
)
@click.option("--admin", is_flag=True, help="Make them an administrator.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)
def add(email: str, name: str, admin: bool, password_stdin: bool) -> None:
    """Add a person. Without a password a one-use link is printed, by which they choose one."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    try:
        person = services.add(email, name, admin, password)
    except AppError as error:
        raise _or_fail(error) from None
    click.echo(f"{person.name} <{person.email}> was added.", err=password is None)
    if password is None:
        _print_link(person.email)


@bp.cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_people(as_json: bool) -> None:
    """List everybody."""
    rows = [_row(person) for person in services.people()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        marks = ", ".join(
            word
            for word in ("admin", "disabled")
            if row["admin" if word == "admin" else "active"] is (word == "admin")
        )
        click.echo(f"{row['email']}\t{row['name']}\t{marks}")


def _row(person: Person) -> dict[str, object]:
    seen = person.last_seen_at.isoformat() if person.last_seen_at else None
    return {
        "email": person.email,
        "name": person.name,
        "admin": person.admin,
        "active": person.active,
        "last_seen_at": seen,
    }


@bp.cli.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """End a person's access and all their sessions."""
    try:
        person = services.disable(email)
    except AppError as error:
        raise _or_fail(error) from None
    click.echo(f"{person.email} can no longer sign in.")


@bp.cli.command("reset-link")
@click.argument("email")
def reset_link(email: str) -> None:
    """Print a one-use link by which a person sets a new password. It works for an hour."""
    try:
        _print_link(email)
    except AppError as error:
        raise _or_fail(error) from None
