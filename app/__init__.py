"""The core: only what every blueprint stands on. `create_app` is its table of contents."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

gc.disable()  # of what modules load nothing is garbage, and looking for it is a twelfth of a start

import blueprints  # noqa: E402
from app import cli, config, database, errors, extensions, hooks, logs, pages, trips  # noqa: E402
from app.trips.recording import RecordingFlask  # noqa: E402

gc.freeze()
gc.enable()


def create_app(overrides: Mapping[str, Any] | None = None) -> RecordingFlask:
    """The application, wired in the order in which a request meets its parts.

    `overrides` are settings by their names without the prefix, for example
    `{"INSTANCE": folder}`; they win over environment, file and default.
    """
    app = RecordingFlask("app", root_path=str(config.CHECKOUT))
    config.load(app, overrides or {})  # settings, instance folder, secret key
    logs.init_app(app)  # where log lines go
    trips.init_app(app)  # stages 1 and 2: the trip starts where the server calls the app
    hooks.init_app(app)  # stages 3 and 8: the middleware in running order
    extensions.init_app(app)  # what the hooks use: database, sign-in, CSRF, limits, compression
    database.init_app(app)  # stage 6: connections, transactions, schema
    errors.init_app(app)  # one place where an error becomes a page or problem+json
    pages.init_app(app)  # stage 7: what every template may use
    cli.init_app(app)  # the commands of the core
    blueprints.discover(app)  # stages 4 and 5: addresses and views
    cli.guard(app)  # the commands of blueprints need the schema of this version
    hooks.trust_proxies(app)  # last, as the outermost WSGI middleware runs first
    return app
