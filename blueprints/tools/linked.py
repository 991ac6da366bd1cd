"""A record among others: the records that it links to, and those that link to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from flask import request, url_for
from markupsafe import Markup

from app.fields import Field
from app.permissions import Actor, may
from app.tables import catalog, links, listing, seen
from app.tables.listing import Filter, Query
from app.tables.live import Live
from blueprints.tools import rows, words
from blueprints.tools.forms import whole

PER_PAGE, MOST_COLUMNS = 20, 6


def facts(actor: Actor, live: Live, record: Any) -> list[tuple[Field, Markup]]:
    """The fields of a record with their values as markup; a link leads to its record."""
    return [(one, _fact(actor, live, one, getattr(record, one.name))) for one in live.table.fields]


def _fact(actor: Actor, live: Live, field: Field, value: Any) -> Markup:
    field, target = links.seen(actor, live, field, [value]), live.target(field)
    other = None if target is None else live.other(target).table
    if other is None or not other.tool or not may(actor, "list", other):
        return words.shown(field, value)
    kind: Any = field.type
    there = seen.may_see(actor, live.other(target or 0), kind.numbers(value))
    url = partial(url_for, "tools.record", tool=other.tool, table=other.name)
    return Markup(", ").join(
        Markup('<a href="{}">{}</a>').format(url(record_id=id), kind.title(id) or f"#{id}")
        if id in there
        else Markup(f"#{id}")
        for id in kind.numbers(value)
    )


class Section(NamedTuple):
    """Records that link to one by one field: headings and rows, and where to go on."""

    id: str
    title: str
    fields: Sequence[Field]
    rows: Markup
    all_url: str
    new_url: str
    next_url: str
    later: bool


def sections(actor: Actor, live: Live, record: Any, args: Mapping[str, str]) -> list[Section]:
    """The records that link to this one, by field, of the tables that the actor may list."""
    found = [(seen.of(actor, other), field) for other, field in catalog.holders(live.table.id)]
    return [
        _section(actor, other, field, record, args)
        for other, field in found
        if may(actor, "list", other.table) and field.name in other.table.by_name
    ]


def _section(
    actor: Actor, other: Live, field: Field, record: Any, args: Mapping[str, str]
) -> Section:
    table, id = other.table, f"{other.table.tool}-{other.table.name}-{field.name}"
    found = _rows(actor, other, field, record, whole(args.get(id)))
    shown, linking = found[:PER_PAGE], _linking(field, record)
    fields = links.seen_columns(actor, other, _shown(other, field), shown)
    base = url_for("tools.list_records", tool=table.tool, table=table.name)
    return Section(
        id, f"{table.label} ({field.label})", fields, rows.markup(other, fields, shown, base),
        f"{base}?{linking.parameter}={record.id}",
        f"{base}new?{field.name}={record.id}" if may(actor, "create", table) else "",
        f"{request.path}?{id}={shown[-1][0]}#{id}" if len(found) > PER_PAGE else "", id in args,
    )  # fmt: skip


def _linking(field: Field, record: Any) -> Filter:
    kind: Any = field.type
    return Filter(field, kind.by, (str(record.id),))


def _shown(other: Live, field: Field) -> tuple[Field, ...]:
    """The fields of its list, but for the one that links."""
    fields = [one for one in other.table.shown if one.name != field.name]
    return tuple(fields[:MOST_COLUMNS]) or (field,)


def _rows(
    actor: Actor, other: Live, field: Field, record: Any, after: int
) -> Sequence[Sequence[Any]]:
    """A page of the records that link to this one, by number, and one more where there are such. They are
    not counted: there may be a hundred thousand."""
    wanted = (
        _linking(field, record),
        Filter(other.table.by_name["id"], "gt", (str(after),)),
    )
    return listing.some(actor, other, Query(_shown(other, field), filters=wanted), PER_PAGE + 1)
