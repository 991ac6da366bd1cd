"""Records as JSON, as text, a column at a time: what an export, a stream and a list of the API are made of.

The text is what `json` would make of `{"id": …, name: field.type.to_json(value), …}`. Of SQLite's stored values
most need not become objects first: a date is stored as the text that JSON has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from json.encoder import encode_basestring as quoted
from typing import Any

from app.extensions import db
from app.fields import Field, FieldType
from app.tables.listing import MOST_KEPT
from app.tables.live import Live

Column = Callable[[Sequence[Any]], Iterable[str]]
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON without blanks."""
BOOLEANS = {None: "null", 0: "false", 1: "true"}


def is_quick() -> bool:
    """Whether rows may be asked for as they are stored: the values of other databases are objects anyway."""
    return db.engine.dialect.name == "sqlite"


def texts(
    live: Live, fields: Sequence[Field], rows: Sequence[Sequence[Any]], stored: bool
) -> Iterator[str]:
    """Rows of a list, which begin with the id, each as the text of a JSON object."""
    kept = "json", tuple(fields), stored
    columns: list[tuple[str, Column]] = live.memo.get(kept) or [
        ('{"id":', _each(str)),
        *((f",{quoted(one.name)}:", _column(live, one, stored)) for one in fields),
    ]
    if len(live.memo) < MOST_KEPT:  # who asks chooses the fields
        live.memo[kept] = columns
    if not rows:
        return iter(())
    parts: list[Iterable[str]] = []
    for (name, make), values in zip(columns, zip(*rows, strict=True), strict=True):
        parts += repeat(name), make(values)
    return map("".join, zip(*parts, repeat("}")))  # what repeats has no end


def _column(live: Live, field: Field, stored: bool) -> Column:
    """What makes texts of the values of a column."""
    kind, dialect = field.type, db.engine.dialect
    processor = live.columns[field.name].type.dialect_impl(dialect).result_processor
    read: Any = processor(dialect, None) if stored else None
    if type(kind).to_json is FieldType.to_json:
        return _of_texts(field, read, stored)
    if kind.python is bool:
        return lambda values: [BOOLEANS[one] for one in values]
    if kind.json(field).get("type") == "integer" and read is None:
        return _each(str)
    return _each(lambda one: encode(kind.to_json(read(one) if read else one, field)))


def _of_texts(field: Field, read: Any, stored: bool) -> Column:
    """JSON has the canonical text of such a value; the same value is written once."""
    quick = field.type.from_stored(field) if stored and read is not None else None
    if quick is None and field.type.python is str and read is None:
        return _each(quoted)
    write: Callable[[Any], str] = quick or field.type.writer(field)
    made = read if quick is None else None
    text = _each(lambda one: quoted(write(made(one) if made else one)))

    def column(values: Sequence[Any]) -> Iterable[str]:
        several = [*{*values}]
        if len(several) * 2 > len(values):
            return text(values)
        known = dict(zip(several, text(several), strict=True))
        return [known[one] for one in values]

    return column


def _each(write: Callable[[Any], str]) -> Column:
    """A column whose values are written each by itself; most have no blank one."""

    def column(values: Sequence[Any]) -> Iterable[str]:
        if None not in values:
            return map(write, values)
        return ["null" if one is None else write(one) for one in values]

    return column
