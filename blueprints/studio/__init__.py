"""/studio/: where tools are made: a spreadsheet becomes one, tables are changed, deleted, restored.

uploads    files that wait to be imported, and what was found in them
sheets     what a person says about a sheet, as a plan
drawing    a table as a person draws it, as a declaration
services   import, draw, change, delete, restore, undo: each one transaction
forms      what a person types
views      HTTP only
"""

from flask import Blueprint

from app.pages import Nav

bp = Blueprint("studio", __name__, url_prefix="/studio", cli_group="tool")

NAV = [Nav("Workspace", "Studio", "studio.index")]

from blueprints.studio import commands, views  # noqa: E402, F401
