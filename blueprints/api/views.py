"""The addresses of tables and records: HTTP only. Which table an asker may see, and what they may do with it,
is asked by the catalog and by the services."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response, g, request, url_for
from werkzeug.exceptions import BadRequest, PreconditionFailed, PreconditionRequired

from app import jobs
from app.downloads import download
from app.errors import NotFound, StaleForm, problem, wants_json
from app.errors import answer as answer_error
from app.headers import uncoded
from app.permissions import ACTIONS, by_table, may, require, signed_in
from app.tables import catalog, feed, history, records
from app.tables.live import Live
from blueprints.api import bodies, bp, documents, lists, services
from blueprints.api.services import Answer

TABLE = "/v1/<tool>/<table>/"
TAG = re.compile(r'"[^"]*"')
RECORD = f"{TABLE}<int:record_id>"
"""Numbers of any length: with a limit here Werkzeug would answer 405 for those beyond it, and not 404."""


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    text = "" if body is None else lists.document(body)
    made = Response(text, status, headers, mimetype="application/json")
    if body is None:
        del made.headers["Content-Type"]
    return made


# Tables ----------------------------------------------------------------------------------------


@bp.get("/v1/")
@by_table
def index() -> Any:
    """The tools and tables that one may see."""
    tables = [one.table for tables in catalog.open_to(g.actor).values() for one in tables]
    found = [
        {
            "tool": one.tool, "table": one.name, "label": one.label,
            "url": url_for("api.list_records", tool=one.tool, table=one.name),
            "actions": [action for action in ACTIONS if may(g.actor, action, one)],
        }
        for one in tables
    ]  # fmt: skip
    return answer(found)


@bp.get(TABLE, strict_slashes=False)
@by_table
def list_records(tool: str, table: str) -> Any:
    """A list: filtered, sorted, a stretch at a time; or all of it as a file; or its groups."""
    live = catalog.get(g.actor, tool, table)
    asked = lists.read(live, request.args.to_dict(flat=False), request.accept_mimetypes)
    if asked.kind != "json":
        return download(g.actor, live, asked.query, asked.kind, live.table.name)
    if asked.totals or asked.groups:
        return answer(lists.grouped(g.actor, live, asked))
    return lists.conditional(live, asked, partial(_listed, live, asked))


def _listed(live: Live, asked: lists.Asked) -> Response:
    return Response(lists.page(g.actor, live, asked, request.path), mimetype="application/json")


@bp.get(f"{TABLE}changes")
@by_table
def changes(tool: str, table: str) -> Any:
    """What has happened since a change that one has seen, the oldest first."""
    live = catalog.get(g.actor, tool, table, "history")
    after, limit = lists.number("after", 0, 2**31 - 1), lists.number("limit", 1, 1_000, 100)
    found, last = feed.since(g.actor, live, after, limit)
    return answer({"items": [documents.change(live, one) for one in found], "after": last})


# Records ---------------------------------------------------------------------------------------


@bp.get(RECORD)
@by_table
def read_record(tool: str, table: str, record_id: int) -> Any:
    """A record."""
    live = catalog.get(g.actor, tool, table, "read", record_id)
    text, version = lists.one(g.actor, live, record_id, request.args.to_dict(flat=False))
    made = Response(text, 200, {"ETag": f'"{version}"'}, mimetype="application/json")
    made.always = True  # type: ignore[attr-defined]  # its number says nothing of linked records and rights
    return made


@bp.post(TABLE, strict_slashes=False)
@by_table
def create(tool: str, table: str) -> Any:
    """A new record; with the header Idempotency-Key, once."""
    live = catalog.get(g.actor, tool, table, "create")
    body = sent()

    def act() -> Answer:
        made = services.create(g.actor, live, body)
        there = url_for("api.read_record", tool=tool, table=table, record_id=made["id"])
        return Answer(201, {"Location": there, "ETag": f'"{made["version"]}"'}, made)

    return done(act)


@bp.route(RECORD, methods=["PATCH", "PUT"])
@by_table
def update(tool: str, table: str, record_id: int) -> Any:
    """Change what is sent of a record, or, with PUT, the whole of it."""
    live = catalog.get(g.actor, tool, table, "update", record_id)
    found = records.get(g.actor, live, record_id)
    body = bodies.an_object(sent())
    version = seen_version(found, body.get("version"))
    whole = request.method == "PUT"
    return done(
        lambda: _saved(services.update(g.actor, live, found, body, version, whole)), once=False
    )


@bp.delete(RECORD)
@by_table
def delete(tool: str, table: str, record_id: int) -> Any:
    """Delete a record; its history keeps it, and it can be restored."""
    live = catalog.get(g.actor, tool, table, "delete", record_id)
    version = seen_version(
        records.get(g.actor, live, record_id), lists.number("version", 0, 2**31 - 1) or None
    )
    records.delete(g.actor, live, record_id, version)
    return answer(None, 204)


@bp.post(f"{RECORD}/restore")
@by_table
def restore(tool: str, table: str, record_id: int) -> Any:
    """Bring a deleted record back."""
    live = catalog.get(g.actor, tool, table, "restore")

    def act() -> Answer:
        return _saved(services.shown(g.actor, live, records.restore(g.actor, live, record_id)))

    return done(act)


@bp.get(f"{RECORD}/history")
@by_table
def record_history(tool: str, table: str, record_id: int) -> Any:
    """What happened to a record, the newest first."""
    live = records.of_any(catalog.get(g.actor, tool, table), record_id)
    before = lists.number("before", 0, 2**31 - 1)
    found = history.of_record(g.actor, live, record_id, before)
    if not found and not before:
        raise NotFound(records.GONE)
    more = len(found) == history.PER_PAGE
    following = f"{request.path}?before={found[-1].id}" if more else None
    return answer({"items": [documents.change(live, one) for one in found], "next": following})


@bp.post(f"{TABLE}batch")
@by_table
def batch(tool: str, table: str) -> Any:
    """Create, update and delete in one transaction."""
    live, body = _written(tool, table), sent()
    return done(lambda: Answer(200, {}, services.batch(g.actor, live, body)))


@bp.post(f"{TABLE}upsert")
@by_table
def upsert(tool: str, table: str) -> Any:
    """Create records, or change those that have the same value in the field that is the key."""
    live = _written(tool, table)
    key, body = lists.key_field(live, request.args.get("key", "")), sent()
    return done(lambda: Answer(200, {}, services.upsert(g.actor, live, key, body)))


@bp.get("/v1/jobs/<int:job_id>")
@signed_in
def job(job_id: int) -> Any:
    """A job of one's own: how far it is, or what came of it."""
    return answer(documents.job(jobs.get(g.actor, job_id)))


# Helpers ---------------------------------------------------------------------------------------


def sent() -> Any:
    """The JSON that was sent. Raises UnsupportedMediaType, BadRequest."""
    return bodies.read(request.get_data(cache=True), request.mimetype)


def _written(tool: str, table: str) -> Live:
    """A table into which the asker may write in some way. Raises NotFound, Forbidden."""
    live = catalog.get(g.actor, tool, table)
    if not any(may(g.actor, action, live.table) for action in ("create", "delete")):
        require(g.actor, "update", live.table)
    return live


def done(act: Callable[[], Answer], once: bool = True) -> Response:
    """Do it in one transaction, and with an Idempotency-Key only once."""
    key = request.headers.get("Idempotency-Key", "") if once else ""
    asked = f"{request.method} {request.full_path}\n".encode() + request.get_data()
    status, headers, body = services.once(g.actor, key, asked, act, _again)
    return answer(body, status, headers)


def _again(body: Any) -> Any:
    """What was answered to the same request, as the asker may see it now."""
    place = request.view_args or {}
    if not {"tool", "table"} <= place.keys():
        return body  # of a table itself
    return services.still_seen(g.actor, catalog.get(g.actor, place["tool"], place["table"]), body)


def _saved(document: dict[str, Any]) -> Answer:
    return Answer(200, {"ETag": f'"{document["version"]}"'}, document)


def seen_version(found: Any, version: Any) -> int | None:
    """The version that the asker has seen of a record; None where they mean to overwrite. Raises
    PreconditionFailed, PreconditionRequired."""
    wanted, force = request.headers.get("If-Match", ""), lists.flag("force")
    if wanted.strip() == "*":
        return None
    if wanted:
        # a proxy that compresses makes an ETag weak
        tags = [one.strip().removeprefix("W/") for one in uncoded(wanted).split(",")]
        if not all(map(TAG.fullmatch, tags)):
            words = (
                f'If-Match takes the ETag that the record had, in quotes, as in "{found.version}"'
            )
            raise BadRequest(f"{words}.")
        if f'"{found.version}"' not in tags:
            raise PreconditionFailed(
                f"It is at version {found.version} by now. Read it again, then send your change."
            )
        return int(found.version)
    if version is not None:
        return bodies.whole(version, "version")
    if force:
        return None
    place = (
        "in the address as ?version=" if request.method == "DELETE" else "in the body as “version”"
    )
    raise PreconditionRequired(
        f"Say which version you have seen: by the header If-Match, or {place}. "
        "With ?force=true it is overwritten, whatever it is by now."
    )


@bp.errorhandler(StaleForm)
def without_token(error: StaleForm) -> Any:
    """A session that does not prove that a page of this app has sent the request."""
    if not wants_json():
        return answer_error(error.status, error.title, error.detail)
    words = (
        "In a browser’s session send the token of a page of this app, in the header X-CSRFToken. "
        "A program uses a key: Authorization: Bearer rt_…"
    )
    return problem(error.status, error.title, words)


@bp.errorhandler(records.Stale)
def stale(error: records.Stale) -> Any:
    """What is stored, so that a program can show both; 412 where the version was that of `If-Match`."""
    words = f"It is at version {error.record.version} by now. Read it again, then send your change."
    place = request.view_args or {}
    live = catalog.get(g.actor, place["tool"], place["table"], "list", error.record.id)
    current = documents.record(live, error.record)
    old = PreconditionFailed if request.headers.get("If-Match") else None
    status, title = (412, old().name) if old else (error.status, error.title)
    return problem(status, title, words, current=current)


@bp.errorhandler(services.Refused)
def refused(error: services.Refused) -> Any:
    """A batch: what is wrong with each item."""
    return problem(error.status, error.title, str(error), items=error.items)
