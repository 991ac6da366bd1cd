"""/: the tools one may open, and one's last trip."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, g, render_template

from app import permissions
from app.permissions import signed_in
from app.trips import report

bp = Blueprint("home", __name__)


@bp.get("/")
@signed_in
def index() -> Any:
    """Where one begins."""
    navs = current_app.extensions["nav"]
    tools = [nav for nav in navs if nav.group == "Tools" and permissions.may(g.actor, nav.right)]
    broken = current_app.extensions["broken"] if permissions.may(g.actor, "design") else {}
    shown = "trips" in current_app.blueprints
    return render_template(
        "home/index.html", tools=tools, broken=broken, last=_last_trip(), trips_shown=shown
    )


def _last_trip() -> dict[str, Any] | None:
    """The newest finished trip of the person at hand; None where nothing is recorded."""
    for trip in current_app.extensions["trips"].in_memory():
        if trip.person_id == g.actor.id and not trip.quiet:
            return report.as_dict(trip)
    return None
