"""The addresses where the API describes itself: JSON Schema, OpenAPI, and pages for people. HTTP only."""

from __future__ import annotations

from typing import Any

from flask import current_app, g, render_template, request, url_for

from app.permissions import by_table, signed_in
from app.tables import catalog
from blueprints.api import bp, describing, pages, schemas
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


@bp.get("/docs")
@signed_in
def docs() -> Any:
    """The API for people: the tables that one may see."""
    return render_template("api/index.html", tools=catalog.open_to(g.actor), how=_manual())


@bp.get("/docs/<tool>/<table>")
@signed_in
def docs_of_table(tool: str, table: str) -> Any:
    """A table for people: its fields, its addresses, code to copy, and a place to try it."""
    live = catalog.get(g.actor, tool, table)
    there = url_for("api.list_records", tool=tool, table=table, _external=True)
    return render_template("api/table.html", shown=pages.of(g.actor, live, there))


def _manual() -> str:
    """The address of the page of the manual; empty where the manual has been removed."""
    return url_for("docs.show", slug="api") if "docs" in current_app.blueprints else ""
