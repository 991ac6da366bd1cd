"""Records as JSON, as text, a column at a time: what an export, a stream and a list of the API are made of.

The text is what `json` would make of `{"id": …, name: field.type.to_json(value), …}`. Of SQLite's stored values
most need not become objects first: a date is stored as the text that JSON has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from json.encoder import encode_basestring as quoted
from typing import Any

from app.extensions import db
from app.fields import Field, FieldType
from app.tables.listing import MOST_KEPT
from app.tables.live import Live

Column = Callable[[Sequence[Any]], Iterable[str]]
BOOLEANS = {None: "null", 0: "false", 1: "true"}


def is_quick() -> bool:
    """Whether rows may be asked for as they are stored: the values of other databases are objects anyway."""
    return db.engine.dialect.name == "sqlite"


def texts(
    live: Live, fields: Sequence[Field], rows: Sequence[Sequence[Any]], stored: bool
) -> Iterator[str]:
    """Rows of a list, which begin with the id, each as the text of a JSON object."""
    kept = "json", tuple(fields), stored
    made = live.memo.get(kept) or (
        _template(fields), [_column(live, one, stored) for one in fields]
    )  # fmt: skip
    if len(live.memo) < MOST_KEPT:  # who asks chooses the fields
        live.memo[kept] = made
    template, columns = made
    if not rows:
        return iter(())
    ids, *values = zip(*rows, strict=True)
    parts = [make(one) for make, one in zip(columns, values, strict=True)]
    return (template % row for row in zip(ids, *parts, strict=True))


def _template(fields: Sequence[Field]) -> str:
    """`{"id":%s,"name":%s}`; no name of a field has a sign that would mean something in it."""
    return "{" + ",".join(f"{quoted(one)}:%s" for one in ("id", *(f.name for f in fields))) + "}"


def _column(live: Live, field: Field, stored: bool) -> Column:
    """What makes texts of the values of a column."""
    kind, dialect = field.type, db.engine.dialect
    processor = live.columns[field.name].type.dialect_impl(dialect).result_processor
    read: Any = processor(dialect, None) if stored else None
    if type(kind).to_json is FieldType.to_json:
        return _of_texts(field, read, stored)
    if kind.python is bool:
        return lambda values: [BOOLEANS[one] for one in values]
    if kind.json_type.get("type") == "integer" and read is None:
        return lambda values: ["null" if one is None else str(one) for one in values]
    return lambda values: [
        json.dumps(
            kind.to_json(read(one) if read and one is not None else one, field), ensure_ascii=False
        )
        for one in values
    ]


def _of_texts(field: Field, read: Any, stored: bool) -> Column:
    """JSON has the canonical text of such a value; the same value is written once."""
    write = field.type.writer(field)
    quick = field.type.from_stored(field) if stored and read is not None else None
    if quick is None and field.type.python is str and read is None:
        return lambda values: ["null" if one is None else quoted(one) for one in values]

    def text(value: Any) -> str:
        if quick is not None:
            return quoted(quick(value))
        return quoted(write(value if read is None else read(value)))

    def column(values: Sequence[Any]) -> list[str]:
        known = {one: text(one) for one in {*values} - {None}}
        known[None] = "null"
        return [known[one] for one in values]

    return column
