"""/docs/: the manual, served by the app it describes."""

from flask import Blueprint

bp = Blueprint("docs", __name__, url_prefix="/docs")
