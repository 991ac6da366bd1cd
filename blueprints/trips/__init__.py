"""/trips/: the manual, served by the app it describes."""

from flask import Blueprint

bp = Blueprint("trips", __name__, url_prefix="/trips")
