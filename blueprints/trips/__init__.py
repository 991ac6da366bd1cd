"""/trips/: recorded requests, one by one, as a list and by route; the middleware; `flask trip …`.

The recorder itself is `app/trips/`. This blueprint only shows what it has recorded: without it the
app records all the same, and nobody sees it.
"""

from flask import Blueprint

from app.pages import Nav

bp = Blueprint("trips", __name__, url_prefix="/trips", cli_group="trip")

NAV = [Nav("Workspace", "Trips", "trips.index")]

from blueprints.trips import commands, views  # noqa: E402, F401
