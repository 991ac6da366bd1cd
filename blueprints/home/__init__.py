"""/: the tools one may open, and one's last trip."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, g, render_template, url_for

from app import pages, permissions
from app.pages import Nav, Offer
from app.permissions import by_table
from app.trips import report

bp = Blueprint("home", __name__)


@bp.get("/")
@by_table
def index() -> Any:
    """Where one begins."""
    found = current_app.extensions
    return render_template(
        "home/index.html",
        tools=_tools(),
        importing=_there("studio.import_file"),
        drawing=_there("studio.new"),
        offers=[offer for offer in found["offers"] if _may(offer) and offer.wanted()],
        broken=found["broken"] if permissions.may(g.actor, "design") else {},
        last=_last_trip(),
        trips_shown="trips" in current_app.blueprints,
    )


def _tools() -> list[tuple[str, str]]:
    """Label and address of the tools one may open: the written ones, then those made in the browser."""
    written = [one for one in current_app.extensions["nav"] if one.group == "Tools" and _may(one)]
    made = pages.tools_open_to(g.actor)
    return [(one.label, url_for(one.endpoint)) for one in written] + [
        (one["label"], one["url"]) for one in made
    ]


def _there(endpoint: str) -> str:
    """The address of a page; empty where that part has been taken out."""
    return url_for(endpoint) if endpoint in current_app.view_functions else ""


def _may(thing: Nav | Offer) -> bool:
    return permissions.may(g.actor, thing.right)


def _last_trip() -> dict[str, Any] | None:
    """The newest finished trip of the person at hand; None where nothing is recorded."""
    for trip in current_app.extensions["trips"].in_memory():
        if trip.person_id == g.actor.id and not trip.quiet:
            return report.as_dict(trip)
    return None
