"""/auth/: signing in and out, the first administrator, one's own account; `flask user …`."""

from flask import Blueprint, Flask

from app import throttle

bp = Blueprint("auth", __name__, url_prefix="/auth", cli_group="user")

from blueprints.auth import commands, invites, services, views  # noqa: E402, F401


def init_app(app: Flask) -> None:
    """Guard the pages that take a password, and print the set-up link at start while it is needed."""
    throttle.GUARDED.update({"auth.login"})
    app.extensions["announcements"].append(services.announce_setup)
