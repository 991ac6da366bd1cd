"""A view of a table as a file, streamed: exactly the rows, order and fields that the list shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.extensions import db
from app.fields import Field
from app.fields.text import LongText
from app.permissions import Actor
from app.sheets import objects
from app.sheets.guard import guarded
from app.sheets.writing import (
    Texts,
    as_texts,
    csv_blocks,
    csv_lines,
    json_array,
    json_lines,
    xlsx_file,
)
from app.tables import links, listing
from app.tables.listing import Query
from app.tables.live import Live

TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
}
"""The formats, and what each is to a browser."""


def stream(actor: Actor, live: Live, query: Query, kind: str) -> Iterator[bytes]:
    """The bytes of a `csv`, `json` or `ndjson` file."""
    if kind == "csv":
        return as_csv(actor, live, query)
    if kind == "ndjson":
        return json_lines(as_objects(actor, live, query))
    return as_json(actor, live, query)


def as_csv(actor: Actor, live: Live, query: Query) -> Iterator[bytes]:
    """CSV: headings are the labels, values canonical, formulas guarded. Raises Forbidden at once."""
    headings = [one.label for one in query.fields]
    fields = [_written(live, field) for field in query.fields]
    if db.engine.dialect.name != "sqlite":  # other drivers give values as they are
        blocks = _blocks(actor, live, query)
        return csv_lines(
            headings, (row for some in blocks for row in zip(*some, strict=True)), fields
        )
    columns = [_column(live, field) for field in query.fields]
    blocks = _blocks(actor, live, query, stored=True)
    texts = (as_texts(columns, some) for some in blocks)
    return csv_blocks([guarded(one) for one in headings], texts)


def _written(live: Live, field: Field) -> Field:
    """The field as a file has it: where it links, the words for the records."""
    return field if live.target(field) is None else replace(field, type=LongText(), options={})


def _blocks(
    actor: Actor, live: Live, query: Query, stored: bool = False
) -> Iterator[list[Sequence[Any]]]:
    """Columns of some rows, again and again; links in words. Raises Forbidden at once."""
    blocks = listing.blocks(actor, live, query, stored)
    return (
        [
            column if live.target(field) is None else links.texts(actor, live, field, column)
            for field, column in zip(query.fields, [*zip(*rows, strict=True)][1:], strict=True)
        ]
        for rows in blocks
        if rows
    )


def _column(live: Live, field: Field) -> Texts:
    """What makes texts of what SQLite stores in a column."""
    if live.target(field) is not None:
        return Texts(_written(live, field), None)
    dialect = db.engine.dialect
    read: Any = live.columns[field.name].type.dialect_impl(dialect).result_processor(dialect, None)
    write = field.type.writer(field)
    if read is None:
        return Texts(field, None if field.type.python is str else write)
    quick = field.type.from_stored(field)
    return Texts(field, quick or (lambda given: write(read(given))))


def as_json(actor: Actor, live: Live, query: Query) -> Iterator[bytes]:
    """One JSON array of such objects. Raises Forbidden at once."""
    return json_array(as_objects(actor, live, query))


def as_objects(actor: Actor, live: Live, query: Query) -> Iterator[str]:
    """A JSON object a record, with its number, as text. Raises Forbidden at once."""
    fields = tuple(one for one in query.fields if one.name != "id")
    stored = objects.is_quick()
    blocks = listing.blocks(actor, live, query._replace(fields=fields), stored)
    return (text for rows in blocks for text in objects.texts(live, fields, rows, stored))


def as_xlsx(actor: Actor, live: Live, query: Query, path: Path) -> Path:
    """A workbook at this path, typed cells, no formulas. Raises Forbidden, Invalid."""
    rows = (row for some in _blocks(actor, live, query) for row in zip(*some, strict=True))
    fields = [_written(live, field) for field in query.fields]
    return xlsx_file(path, [one.label for one in fields], fields, rows, live.table.label)
