"""Lists as an address asks for them: in stretches, grouped, as files, with linked records, unchanged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Response, request
from werkzeug.datastructures import MIMEAccept

from app.clock import today
from app.errors import BadAddress, Invalid
from app.fields import TYPES, Field
from app.headers import uncoded
from app.permissions import Actor
from app.sheets import exporting, objects
from app.tables import history, listing
from app.tables.listing import TOTALS, Query
from app.tables.live import Live
from app.tables.seen import Seen
from blueprints.api import documents

USUAL, MOST = 50, 1_000
KINDS = exporting.TYPES
WORDS = {"limit", "count", "format", "expand", "group", *TOTALS}
"""What an address has here besides the words of every list; a field of such a name is asked for with a lookup,
as `group__exact`."""


class Asked(NamedTuple):
    """What an address asks for."""

    query: Query
    args: Mapping[str, Sequence[str]]
    kind: str = "json"
    counted: bool = False
    expand: tuple[Field, ...] = ()
    groups: tuple[Field, ...] = ()
    totals: tuple[tuple[str, Field], ...] = ()


def read(live: Live, args: dict[str, list[str]], accept: MIMEAccept) -> Asked:
    """Read an address. Raises BadAddress, naming what is unknown and what works."""
    own = {name: args[name] for name in WORDS & args.keys()}
    rest = {name: one for name, one in args.items() if name not in WORDS}
    try:
        query = listing.read(live, rest, USUAL, MOST)
        query = query._replace(per_page=number("limit", 1, MOST, query.per_page))
        if "fields" not in rest:
            query = query._replace(fields=documents.fields_of(live))
        asked = Asked(
            query, args, _kind(own.get("format"), accept), _flag(own, "count"),
            _links(live, own.get("expand", [])), _names(live, "group", own.get("group", [])),
            tuple((word, one) for word in TOTALS for one in _names(live, word, own.get(word, []))),
        )  # fmt: skip
        _refuse_unused(asked)
        return asked
    except BadAddress:
        raise
    except Invalid as error:
        raise BadAddress(str(error), error.errors) from None


STRETCH = {"limit", "per_page", "page", "count", "expand"}
"""Words that ask for a part of a list, or more about it: not for a file, which has all that fits."""


def _refuse_unused(asked: Asked) -> None:
    """Raises Invalid where an address has words that would change nothing."""
    if asked.groups or asked.totals:
        about, idle = "groups and totals", {*STRETCH, "sort", "fields", "format"}
    elif asked.kind != "json":
        about, idle = f"format={asked.kind}, which has all that fits", {*STRETCH, "group", *TOTALS}
    else:
        return
    if unused := [one for one in asked.args if one in idle]:
        words = f"{unused[0]} does not go with {about}"
        raise Invalid(f"{words}.", [(unused[0], words)])


def _kind(given: Sequence[str] | None, accept: MIMEAccept) -> str:
    if given:
        if len(given) > 1 or given[0] not in KINDS:
            raise Invalid(f"format is one of {', '.join(KINDS)}.", [("format", "unknown format")])
        return given[0]
    best = accept.best_match(
        ["application/json", *(KINDS[one] for one in ("csv", "xlsx", "ndjson"))]
    )
    return next((name for name, one in KINDS.items() if one == best), "json")


def flag(name: str) -> bool:
    """Whether an address says `true` of something. Raises BadAddress."""
    try:
        return _flag(request.args.to_dict(flat=False), name)
    except Invalid as error:
        raise BadAddress(str(error), error.errors) from None


def _flag(own: Mapping[str, Sequence[str]], name: str) -> bool:
    text, *more = own.get(name, ["false"])
    if more or text not in ("true", "false"):
        raise Invalid(f"{name} is true or false.", [(name, "true or false")])
    return text == "true"


def _names(live: Live, word: str, texts: Sequence[str]) -> tuple[Field, ...]:
    """The fields that a word of an address names."""
    names = [name for text in texts for name in text.split(",") if name]
    return tuple(listing.named_field(live, name, word) for name in dict.fromkeys(names))


def _links(live: Live, texts: Sequence[str]) -> tuple[Field, ...]:
    found = _names(live, "expand", texts)
    for one in found:
        if live.target(one) is None:
            there = ", ".join(
                field.name for field in live.table.fields if live.target(field) is not None
            )
            able = f"what can be expanded is {there}" if there else "this table has no links"
            words = f"{one.name} links to no record; {able}"
            raise Invalid(f"{words}.", [("expand", words)])
    return found


def key_field(live: Live, name: str) -> Field:
    """The field by which records are found. Raises BadAddress."""
    found = live.table.by_name.get(name)
    if found is None or found not in live.table.written or found.type.many:
        there = ", ".join(one.name for one in live.table.written if not one.type.many)
        words = f"key says by which field records are found, one of {there}"
        raise BadAddress(f"{words}.", [("key", words)])
    return found


def number(name: str, least: int, most: int, usual: int | None = None) -> int:
    """A number of an address, taken once. Raises BadAddress."""
    texts = request.args.getlist(name)
    text = texts[0] if texts else str(least if usual is None else usual)
    if (
        len(texts) > 1
        or not re.fullmatch("[0-9]{1,10}", text, re.ASCII)
        or not least <= int(text) <= most
    ):
        words = f"{name} is a number from {least:,} to {most:,}"
        raise BadAddress(f"{words}.", [(name, words)])
    return int(text)


# Answers ---------------------------------------------------------------------------------------


def page(actor: Actor, live: Live, asked: Asked, path: str) -> str:
    """A stretch of the list, as the text of the answer. Raises Forbidden, BadAddress."""
    fields = tuple(one for one in asked.query.fields if one.name != "id")
    query = asked.query._replace(fields=fields)
    stored = objects.is_quick() and not asked.expand
    found, following = listing.stretch(actor, live, query, stored)
    texts = _texts(actor, live, fields, asked.expand, found, stored)
    args = {**asked.args, "page": [following]}
    link = f"{path}?{urlencode(args, doseq=True)}" if following else None
    count = listing.count(actor, live, asked.query) if asked.counted else None
    return f'{{"items":[{",".join(texts)}],"next":{document(link)},"count":{document(count)}}}'


def one(actor: Actor, live: Live, record_id: int, args: Mapping[str, list[str]]) -> tuple[str, int]:
    """A record as the text of the answer, with linked records where `expand=` asks for them; and its
    version. Raises NotFound, Forbidden, BadAddress."""
    fields = documents.fields_of(live)
    try:
        links = _links(live, args.get("expand", []))
    except Invalid as error:
        raise BadAddress(str(error), error.errors) from None
    stored = objects.is_quick() and not links
    row = listing.one(actor, live, record_id, fields, stored)
    (text,) = _texts(actor, live, fields, links, [row], stored)
    return text, row[-1]


def _texts(
    actor: Actor, live: Live, fields: tuple[Field, ...], links: Sequence[Field],
    rows: Sequence[Sequence[Any]], stored: bool,
) -> Iterable[str]:  # fmt: skip
    """Rows of a list, which begin with the id, as JSON."""
    if not links:
        return objects.texts(live, fields, rows, stored)
    items = [*documents.rows(fields, rows)]
    documents.expand(actor, live, [one for one in links if one in fields], items)
    return map(document, items)


document = objects.encode


def grouped(actor: Actor, live: Live, asked: Asked) -> dict[str, Any]:
    """Counts and totals of the records that fit, by the values of some fields."""
    found = listing.groups(actor, live, asked.query, asked.groups, asked.totals)
    results = {(word, one.name): _result(word, one) for word, one in asked.totals}
    return {
        "items": [
            {
                **{
                    one.name: one.type.to_json(value, one)
                    for one, value in zip(asked.groups, group.values, strict=True)
                },
                "count": group.found,
                **_totals(results, group.totals),
            }
            for group in found
        ]
    }


def _result(word: str, field: Field) -> Field:
    rollup: Any = TYPES["rollup"]
    made: Field = rollup.result(
        Field("", "", field.label, rollup, options={"function": word}), field
    )
    return made


def _totals(results: Mapping[tuple[str, str], Field], totals: Mapping[tuple[str, str], Any]) -> Any:
    found: dict[str, dict[str, Any]] = {}
    for (word, name), value in totals.items():
        field = results[word, name]
        found.setdefault(word, {})[name] = field.type.to_json(value, field)
    return found


def conditional(live: Live, asked: Asked, make: Callable[[], Response]) -> Response:
    """The answer, or 304 where the asker has it already: then no row is read. Only where it depends on
    nothing but the rows of the table, its declaration, and the asker's rights. Not of a model: the code of
    a blueprint may change it, and may write rows by statements of its own, of which history does not know."""
    tag = _tag(live, asked)
    if tag and f'W/"{tag}"' in uncoded(request.headers.get("If-None-Match", "")):
        return Response(status=304, headers={"ETag": f'W/"{tag}"'})
    made = make()
    if tag:
        made.headers["ETag"] = f'W/"{tag}"'
    return made


def _tag(live: Live, asked: Asked) -> str:
    sorted_by_others = any(live.target(one) is not None for one, _ in asked.query.sort)
    if live.written or live.reads_others or asked.expand or sorted_by_others:
        return ""
    newest = history.settled(live)
    if newest is None:
        return ""
    rights: Any = ()
    if isinstance(live, Seen):
        rights = [one.document() for one in live.grants], sorted(live.asker.items(), key=str)
    about = newest, live.table.version, rights, request.full_path, today()
    return hashlib.sha256(repr(about).encode()).hexdigest()[:24]
