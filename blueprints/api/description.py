"""The addresses where the API describes itself: JSON Schema, OpenAPI, and a page for people. HTTP only."""

from __future__ import annotations

from typing import Any

from flask import g, request, url_for

from app.permissions import by_table
from app.tables import catalog
from blueprints.api import bp, describing, schemas
from blueprints.api.views import TABLE, answer


@bp.get(f"{TABLE}schema")
@by_table
def schema(tool: str, table: str) -> Any:
    """The JSON Schema of a record, with what is sent for one."""
    live = catalog.get(g.actor, tool, table)
    there = url_for("api.schema", tool=tool, table=table, _external=True)
    return answer(schemas.document(g.actor, live, there))


@bp.get("/v1/openapi.json")
@by_table
def openapi() -> Any:
    """OpenAPI 3.1 of what one may see."""
    return answer(describing.document(g.actor, request.script_root or "/"))
