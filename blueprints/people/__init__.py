"""/people/: who is here, invites, roles of a person, the audit list, seeing the app as somebody else."""

from flask import Blueprint

from app.pages import Nav

bp = Blueprint("people", __name__, url_prefix="/people", cli_group="role")

NAV = [Nav("Workspace", "People", "people.index", "people")]

from blueprints.people import commands, explaining_views, roles, sharing, views  # noqa: E402, F401
