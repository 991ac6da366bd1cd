"""/: the tools one may open, and one's last trip."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, g, render_template

from app import permissions
from app.pages import Nav, Offer
from app.permissions import signed_in
from app.trips import report

bp = Blueprint("home", __name__)


@bp.get("/")
@signed_in
def index() -> Any:
    """Where one begins."""
    found = current_app.extensions
    tools = [nav for nav in found["nav"] if nav.group == "Tools" and _may(nav)]
    return render_template(
        "home/index.html",
        tools=tools,
        offers=[offer for offer in found["offers"] if _may(offer) and offer.wanted()],
        broken=found["broken"] if permissions.may(g.actor, "design") else {},
        last=_last_trip(),
        trips_shown="trips" in current_app.blueprints,
    )


def _may(thing: Nav | Offer) -> bool:
    return permissions.may(g.actor, thing.right)


def _last_trip() -> dict[str, Any] | None:
    """The newest finished trip of the person at hand; None where nothing is recorded."""
    for trip in current_app.extensions["trips"].in_memory():
        if trip.person_id == g.actor.id and not trip.quiet:
            return report.as_dict(trip)
    return None
