"""A drop-in of one file: says who sends what, and lets nobody change anything during a stocktaking.

Put it into a folder named in ROUNDTRIP_PLUGIN_DIRS, or into blueprints/. While a file called
`stocktaking` lies in the instance folder, every form but signing in and out is refused.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request

from app.errors import Unavailable

bp = Blueprint("audit", __name__)
log = logging.getLogger("audit")

SIGNING = {"auth.login", "auth.logout"}


@bp.before_app_request
def stocktaking() -> None:
    """Blocks every form while things are being counted."""
    counting = Path(current_app.instance_path, "stocktaking").exists()
    if counting and request.method == "POST" and request.endpoint not in SIGNING:
        raise Unavailable("Things are being counted, so nothing was saved.", retry_after=600)


@bp.before_app_request
def remember() -> None:
    """Keeps what the line below tells; a view may say it better with `g.audit`."""
    if request.method == "POST":
        g.audit = request.endpoint or request.path


@bp.after_app_request
def write_down(response: Response) -> Response:
    """Writes one line for each form that was answered."""
    if request.method == "POST":
        person = g.actor.name if g.get("actor") else "nobody"
        log.info("%s sent %s: %s", person, g.get("audit", request.path), response.status_code)
    return response


class NamesTheMachine:
    """WSGI middleware: adds the name of the machine that has answered."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-Served-By", platform.node())], *rest)

        return self.app(environ, start)


def init_app(app: Flask) -> None:
    """Called when the blueprint has been registered: the place to wrap the app."""
    app.wsgi_app = NamesTheMachine(app.wsgi_app)  # type: ignore[method-assign]
