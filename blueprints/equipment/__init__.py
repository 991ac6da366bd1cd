"""/equipment/: the manual, served by the app it describes."""

from flask import Blueprint

bp = Blueprint("equipment", __name__, url_prefix="/equipment")
