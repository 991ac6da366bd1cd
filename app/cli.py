"""The commands of the core: serve, upgrade and worker. Blueprints bring their own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from app import database
from app.errors import AppError
from app.sheets.commands import group as sheet


def init_app(app: Flask) -> None:
    """Register the commands."""
    app.extensions["announcements"] = []
    for command in (serve, upgrade, worker, sheet):
        app.cli.add_command(command)


def guard(app: Flask) -> None:
    """Let the commands of blueprints end in one clear line where the schema does not fit or a service refuses."""
    for name, command in app.cli.commands.items():
        if command not in (serve, upgrade):  # these say it themselves
            app.cli.commands[name] = _guarded(app, command)


def _guarded(app: Flask, command: Any) -> Any:
    command = copy.copy(command)  # blueprints are shared by all apps of a process
    if isinstance(command, click.Group):
        command.commands = {name: _guarded(app, one) for name, one in command.commands.items()}
    else:
        command.invoke = partial(_invoke, app, command.invoke)
    return command


def _invoke(app: Flask, run: Callable[[click.Context], Any], context: click.Context) -> Any:
    try:
        with app.app_context():
            database.require_ready(app)
        return run(context)
    except (database.SchemaError, AppError) as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one."
)
@click.option("--threads", type=click.IntRange(1, 256), help="Requests worked on at the same time.")
@with_appcontext
def serve(host: str | None, port: int | None, threads: int | None) -> None:
    """Serve the app with Waitress."""
    from app.serve import serve as run

    run(current_app._get_current_object(), host, port, threads)  # type: ignore[attr-defined]


@click.command()
@click.option("--check", is_flag=True, help="Only say whether an upgrade is needed; exit 1 if so.")
@with_appcontext
def upgrade(check: bool) -> None:
    """Bring the database to this version of the app."""
    try:
        if check:
            state = database.state(current_app)
            click.echo(
                {
                    "ready": "The database is up to date.",
                    "old": "The database needs an upgrade: flask upgrade",
                }.get(state, "The database was made by a later version.")
            )
            raise SystemExit(0 if state == "ready" else 1)
        click.echo(database.upgrade(current_app))
    except database.SchemaError as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.option("--threads", type=click.IntRange(1, 64), default=1, help="Jobs run at the same time.")
@click.option("--child", is_flag=True, hidden=True, help="End with the server that has started it.")
@with_appcontext
def worker(threads: int, child: bool) -> None:
    """Run background jobs, in a process of its own."""
    from app.worker import work

    work(current_app._get_current_object(), threads, child)  # type: ignore[attr-defined]
