"""The commands of the core: serve and upgrade. Blueprints bring their own."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from app import database


def init_app(app: Flask) -> None:
    """Register the commands."""
    app.extensions["announcements"] = []
    for command in (serve, upgrade):
        app.cli.add_command(command)


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
            state = database.state()
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
