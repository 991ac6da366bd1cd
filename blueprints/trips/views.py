"""The pages of recorded trips."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, g, redirect, render_template, request, url_for

from app.permissions import requires, signed_in
from app.trips.guard import switched_off
from blueprints.trips import bp, filters, middleware, picture, services, words
from blueprints.trips.markdown import as_markdown


@bp.get("/")
@signed_in
def index() -> Any:
    """The newest trips, as they come in."""
    listing = services.newest(g.actor, filters.read(request.args.to_dict(flat=False)))
    return _page("index", listing=listing, filters=listing.filters, keeper=services.keeper())


@bp.get("/<trip_id>")
@signed_in
def show(trip_id: str) -> Any:
    """One trip: nine stages on one axis, and all that happened in them."""
    data = services.find(g.actor, trip_id)
    stages, axis = picture.stages(data), picture.axis(data)
    return _page("show", trip=data, stages=stages, axis=axis, markdown=as_markdown(data))


@bp.get("/<trip_id>.json")
@signed_in
def show_json(trip_id: str) -> Any:
    """The same for programs."""
    return services.find(g.actor, trip_id)


@bp.get("/<trip_id>.md")
@signed_in
def show_markdown(trip_id: str) -> Any:
    """The same as text, to be pasted into an issue or a mail."""
    return Response(as_markdown(services.find(g.actor, trip_id)), mimetype="text/markdown")


@bp.post("/<trip_id>/keep")
@requires("trips")
def keep(trip_id: str) -> Any:
    """Keep this trip on disk."""
    services.keep(g.actor, trip_id)
    flash("Trip kept", "ok")
    return redirect(url_for("trips.show", trip_id=trip_id), 303)


@bp.get("/pipeline")
@signed_in
def pipeline() -> Any:
    """The nine stages in plain words, and this app's middleware in running order."""
    parts, last = middleware.parts(), services.last_of(g.actor)
    return _page("pipeline", parts=parts, trip=last)


@bp.get("/routes")
@requires("trips")
def routes() -> Any:
    """Times by route."""
    return _page("routes", routes=services.routes(g.actor))


def _page(name: str, **values: Any) -> str:
    full = services.sees_all(g.actor)
    more = {"full": full, "words": words, "switched_off": switched_off}
    return render_template(f"trips/{name}.html", **more, **values)
