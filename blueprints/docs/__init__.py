"""/docs/: the manual, served by the app it describes.

`pages` names the pages, `services` reads from the code what they tell, `templates/docs/` has the words.
What can be read from the code (settings, commands, middleware, limits, whole files) is never typed again.
"""

from flask import Blueprint

from app.pages import Nav

bp = Blueprint("docs", __name__, url_prefix="/docs")

NAV = [Nav("Workspace", "Manual", "docs.index")]

from blueprints.docs import views  # noqa: E402, F401
