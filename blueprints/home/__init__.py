"""/: the tools one may open, and one's last trip."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, g, render_template

from app import permissions
from app.permissions import signed_in

bp = Blueprint("home", __name__)


@bp.get("/")
@signed_in
def index() -> Any:
    """Where one begins."""
    tools = [nav for nav in current_app.extensions["nav"] if nav.group == "Tools" and permissions.may(g.actor, nav.right)]
    broken = current_app.extensions["broken"] if permissions.may(g.actor, "design") else {}
    return render_template("home/index.html", tools=tools, broken=broken, last=_last_trip())


def _last_trip() -> dict[str, Any] | None:
    """The newest finished trip of the person, as a row for the page; None without the recorder."""
    for trip in current_app.extensions["trips"].in_memory():
        if trip.person_id == g.actor.id and not trip.quiet:
            return {"trip": trip, "url_known": "trips" in current_app.blueprints}
    return None
