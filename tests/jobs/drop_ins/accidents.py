"""A drop-in of the tests: the server kills its own worker, which works the same on every system."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app

from app.permissions import public

bp = Blueprint("accidents", __name__, url_prefix="/accidents")


@bp.get("/kill-worker")
@public
def kill_worker() -> Any:
    """Kill it without a warning; answer, when it is dead, what it ended with."""
    child = current_app.extensions["supervisor"].child
    child.kill()
    return {"code": child.wait(10)}
