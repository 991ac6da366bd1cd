"""The pages: HTTP only. Each function reads what was asked, calls one service and answers.

Which table an actor may see, and what they may do with it, is asked by `catalog` and `records`: so
the routes themselves are open to everybody who has signed in.
"""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, g, redirect, render_template, request, url_for

from app.clock import today
from app.downloads import download
from app.errors import AppError, BadAddress, Conflict, Invalid, NotFound, app_error, wants_json
from app.pages import flash_undo
from app.permissions import by_table, may
from app.tables import catalog, history, links, listing, records
from app.tables.live import Live
from blueprints.tools import bp, forms, linked, services, words
from blueprints.tools.entries import entries
from blueprints.tools.forms import whole
from blueprints.tools.lists import FIELD, LOOKUP, VALUE, Address, List, NewFilter

TABLE = "/<tool>/<table>/"
RECORD = f"{TABLE}<int(max=2147483647):record_id>"
CHANGE = f"{RECORD}/history/<int(max=2147483647):change_id>"
SHOWN_CHANGES = 10


@bp.get("/<tool>/")
@by_table
def tool(tool: str) -> Any:
    """A tool: its tables, or its only one."""
    for one, tables in catalog.open_to(g.actor).items():
        if one.name == tool:
            if len(tables) == 1:
                return redirect(_url("list_records", tables[0]))
            return render_template("tools/tool.html", tool=one, tabs=_tabs(tables[0]))
    raise NotFound("There is no such tool, or nothing in it is open to you.")


# Lists -----------------------------------------------------------------------------------------


@bp.get(TABLE)
@by_table
def list_records(tool: str, table: str) -> Any:
    """The list, and the filter that is being added to it."""
    live = catalog.get(g.actor, tool, table)
    address, adding = Address(request.path, _args()), NewFilter(g.actor, live, request.args)
    added = adding.added(address.args)
    if added is not None:
        return redirect(address.url(added), 303)
    page = {"list": List(g.actor, live, address), "adding": adding, "tabs": _tabs(live)}
    return _page("list.html", live, **page), 422 if adding.error else 200


@bp.get(f"{TABLE}export.<any(csv, xlsx, json):kind>")
@by_table
def export(tool: str, table: str, kind: str) -> Any:
    """Exactly what the list shows, all pages of it, as a file."""
    live = catalog.get(g.actor, tool, table, "export")
    name = f"{table}-{today()}"
    return download(g.actor, live, listing.read(live, _args()), kind, name)


@bp.get(f"{TABLE}options")
@by_table
def options(tool: str, table: str) -> Any:
    """Records whose titles have the words of `q`, as a link to them is typed."""
    live = catalog.get(g.actor, tool, table)
    found = links.suggestions(g.actor, live, request.args.get("q", ""))
    return [links.named(*one) for one in found.items()]


@bp.get(f"{TABLE}history")
@by_table
def table_history(tool: str, table: str) -> Any:
    """What happened to the table and its records, the newest first."""
    live = catalog.get(g.actor, tool, table, "history")
    changes = history.of_table(g.actor, live, _before())
    return _history(live, changes, title=live.table.label, back=_url("list_records", live))


# Records ---------------------------------------------------------------------------------------


@bp.get(RECORD)
@by_table
def record(tool: str, table: str, record_id: int) -> Any:
    """A record: all its fields, and what happened to it."""
    live = catalog.get(g.actor, tool, table, "read", record_id)
    found = records.get(g.actor, live, record_id)
    page = {"facts": linked.facts(g.actor, live, found), "changes": _changes(live, found)}
    page["sections"] = linked.sections(g.actor, live, found, request.args)
    if live.written:  # what the model has for its own part of the page
        page |= getattr(found, "extra_context", dict)()
    return _page("record.html", live, found, **page)


@bp.route(f"{TABLE}new", methods=["GET", "POST"])
@by_table
def new_record(tool: str, table: str) -> Any:
    """Add a record."""
    live = catalog.get(g.actor, tool, table, "create")
    form = forms.new_record(g.actor, live, request.args)
    if form.validate_on_submit():
        with form.showing_errors():
            made = records.create(g.actor, live, form.values())
            _say(live, made.id, "added")
            return redirect(_after(live, made.id), 303)
    return _page("form.html", live, form=form), form.status


@bp.route(f"{RECORD}/edit", methods=["GET", "POST"])
@by_table
def edit_record(tool: str, table: str, record_id: int) -> Any:
    """Change a record."""
    live = catalog.get(g.actor, tool, table, "update", record_id)
    found = records.get(g.actor, live, record_id)
    form = forms.of_record(g.actor, live, found)
    if form.validate_on_submit():
        with form.showing_errors():
            saved = records.update(g.actor, live, record_id, form.values(), form.version.data)
            _say(live, record_id, "saved", saved.version != form.version.data)
            return redirect(_url("record", live, record_id=record_id), 303)
    asked = {one.name for one in live.table.written}
    facts = [one for one in linked.facts(g.actor, live, found) if one[0].name not in asked]
    return _page("form.html", live, found, form=form, facts=facts), form.status


@bp.post(f"{RECORD}/delete")
@by_table
def delete_record(tool: str, table: str, record_id: int) -> Any:
    """Delete at once, with a way back."""
    live = catalog.get(g.actor, tool, table, "delete", record_id)
    change_id = records.delete(g.actor, live, record_id, _seen_version())
    flash_undo(
        f"{words.singular(live.table.label)} deleted",
        _url("undo", live, record_id=record_id, change_id=change_id),
    )
    return redirect(_url("list_records", live), 303)


@bp.get(f"{RECORD}/history")
@by_table
def record_history(tool: str, table: str, record_id: int) -> Any:
    """What happened to a record, the newest first; also to one that is deleted."""
    live = records.of_any(catalog.get(g.actor, tool, table), record_id)
    before = _before()
    changes = history.of_record(g.actor, live, record_id, before)
    if not changes and not before:
        raise NotFound(records.GONE)
    found = (
        None if before or changes[0].action == "delete" else records.get(g.actor, live, record_id)
    )
    there = _url("record", live, record_id=record_id)
    return _history(live, changes, found, title=_named(live, record_id, found), back=there)


@bp.post(f"{RECORD}/restore")
@by_table
def restore_record(tool: str, table: str, record_id: int) -> Any:
    """Bring a deleted record back."""
    live = catalog.get(g.actor, tool, table)
    found = records.restore(g.actor, live, record_id)
    flash(f"{words.singular(live.table.label)} restored{_but_for(found)}", "ok")
    return redirect(_url("record", live, record_id=record_id), 303)


@bp.post(f"{CHANGE}/undo")
@by_table
def undo(tool: str, table: str, record_id: int, change_id: int) -> Any:
    """Take one change of a record back."""
    live = catalog.get(g.actor, tool, table)
    found = services.undo(g.actor, live, record_id, change_id)
    flash(f"Undone: it is as it was before{_but_for(found)}", "ok")
    there = {"record_id": record_id} if found is not None else {}
    return redirect(_url("record" if there else "list_records", live, **there), 303)


# What goes wrong -------------------------------------------------------------------------------


@bp.errorhandler(records.Stale)
def stale(error: records.Stale) -> Any:
    """What was typed and what is stored, side by side, in a form that can be sent again."""
    if request.endpoint != "tools.edit_record" or wants_json():
        return refused(error)
    place, found = request.view_args or {}, error.record
    live = catalog.get(g.actor, place["tool"], place["table"], "update", place["record_id"])
    form = forms.of_record(g.actor, live, found)
    page = {"form": form, "different": form.differences(found)}
    page["fresh"] = forms.of_record(g.actor, live, found, formdata=None).hidden()
    return _page("conflict.html", live, found, **page), error.status


@bp.errorhandler(Conflict)
@bp.errorhandler(Invalid)
def refused(error: AppError) -> Any:
    """Say what is wrong, with a way back to where it can be put right."""
    return app_error(error) if wants_json() else _refusal(error)


@bp.errorhandler(NotFound)
def missing(error: NotFound) -> Any:
    """A record that is deleted can be restored as long as its history has it."""
    live = _asked_for()
    if live is None or "record_id" not in (request.view_args or {}) or wants_json():
        return app_error(error)
    deleted = _is_deleted(live)
    if not deleted and str(error) == records.GONE:
        error = NotFound("There is no such record.")
    return _refusal(error, restore=deleted and may(g.actor, "restore", live.table))


def _refusal(error: AppError, restore: bool = False) -> Any:
    there = dict(request.view_args or {})
    at_record = "record_id" in there and error.status != NotFound.status
    live = _asked_for()
    values = {
        "error": error, "restore": restore, "trip_id": g.get("trip_id"),
        "back": url_for(
            "tools.record" if at_record else "tools.list_records", tool=there["tool"],
            table=there["table"], **({"record_id": there["record_id"]} if at_record else {}),
        ),
        "where": "the record" if at_record else words.inside(live.table.label) if live else "",
    }  # fmt: skip
    return render_template("tools/refused.html", **values), error.status


def _asked_for() -> Live | None:
    """The table of this address, where there is one that the actor may see."""
    there = request.view_args or {}
    try:
        return catalog.get(g.actor, there.get("tool", ""), there.get("table", ""))
    except NotFound:
        return None


def _is_deleted(live: Live) -> bool:
    """Whether the record of this address is deleted, as far as the actor may know."""
    record_id = (request.view_args or {})["record_id"]
    return services.deletion(g.actor, live, record_id) is not None


# Helpers ---------------------------------------------------------------------------------------


def _url(endpoint: str, live: Live, **values: Any) -> str:
    return url_for(f"tools.{endpoint}", tool=live.table.tool, table=live.table.name, **values)


def _args() -> dict[str, list[str]]:
    """The parameters of the list, without those that add a filter to it."""
    given = request.args.to_dict(flat=False)
    return {name: one for name, one in given.items() if name not in (FIELD, LOOKUP, VALUE)}


def _before() -> int:
    text = request.args.get("before", "")
    if text and not whole(text):
        raise BadAddress("before is the number of a change, from 1.")
    return whole(text)


def _seen_version() -> int | None:
    """The version of the record that was on the page; None where a program has sent none."""
    text = request.form.get("version")
    return None if text is None else whole(text)


def _page(name: str, live: Live, record: Any = None, **values: Any) -> str:
    """A page of a table, with what all of them say and link to."""
    table = live.table
    common = {
        "table": table, "record": record, "base": _url("list_records", live),
        "thing": words.inside(words.singular(table.label)), "inside": words.inside,
        "can": lambda action: may(g.actor, action, table),
        "name": _named(live, record.id, record) if record is not None else "",
        "settings": _there("studio.settings", tool=table.tool, table=table.name),
        "sharing": _there("people.sharing", tool=table.tool, table=table.name),
        "own": f"{table.tool}/{table.name}_" if live.written else "",
    }  # fmt: skip
    return render_template(f"tools/{name}", **{**common, **values})


def _there(endpoint: str, **values: Any) -> str:
    """The address of a page of another blueprint, where there is one."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else ""


def _named(live: Live, record_id: int, record: Any) -> str:
    values = {live.table.title: getattr(record, live.table.title, None)} if record else {}
    return words.named(live, record_id, values)


def _tabs(live: Live) -> list[dict[str, Any]]:
    """The tables of a tool."""
    found = [
        tables for one, tables in catalog.open_to(g.actor).items() if one.name == live.table.tool
    ]
    return [
        {"label": one.table.label, "url": _url("list_records", one), "current": one is live}
        for tables in found
        for one in tables
    ]


def _changes(live: Live, record: Any) -> list[Any]:
    if not may(g.actor, "history", live.table):
        return []
    changes = history.of_record(g.actor, live, record.id)[:SHOWN_CHANGES]
    return entries(g.actor, live, changes, record)


def _history(live: Live, changes: Any, record: Any = None, **values: Any) -> str:
    older = f"?before={changes[-1].id}" if len(changes) == history.PER_PAGE else ""
    made = entries(g.actor, live, changes, record)
    return _page("history.html", live, record, changes=made, older=older, **values)


def _say(live: Live, record_id: int, done: str, changed: bool = True) -> None:
    """What was done, with the way back."""
    if not changed:
        flash("Nothing to save: no value differs from before", "ok")
        return
    said = f"{words.singular(live.table.label)} {done}"
    change_id = services.last_change(g.actor, live, record_id)
    flash_undo(said, _url("undo", live, record_id=record_id, change_id=change_id))


def _but_for(record: Any) -> str:
    """What linked to a restored record, or was deleted with it, and did not come back."""
    lost = getattr(record, "lost", ())
    return f", but for {words.cut(', '.join(lost), words.LONGEST_NAME)}" if lost else ""


def _after(live: Live, record_id: int) -> str:
    """Where one goes after adding a record: to it, or on to the next."""
    if "and-then" in request.form:
        return _url("new_record", live)
    return _url("record", live, record_id=record_id)
