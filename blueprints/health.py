"""/healthz and /readyz: whether the process lives, and whether it can work. The smallest blueprint there is."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app

from app import database
from app.permissions import public

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def alive() -> Any:
    """The process answers."""
    return {"status": "alive"}


@bp.get("/readyz")
@public
def ready() -> Any:
    """The database can be read and has the schema that this version needs; 503 if not."""
    try:
        schema = database.state(current_app)
    except database.SchemaError:
        return {"status": "not ready", "database": "cannot be read", "schema": "unknown"}, 503
    ok = schema == "ready"
    return {
        "status": "ready" if ok else "not ready",
        "database": "ok",
        "schema": schema,
    }, 200 if ok else 503
