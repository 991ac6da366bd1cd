"""/people/: who is here, invites, roles and what they give, the audit list, seeing the app as somebody
else, who may use a table and why; `flask role …`."""

from flask import Blueprint

from app.pages import Nav

bp = Blueprint("people", __name__, url_prefix="/people", cli_group="role")

NAV = [Nav("Workspace", "People", "people.index", "people")]

from blueprints.people import commands, roles, views  # noqa: E402, F401
