"""A CSV file into items, read as a stream: memory does not grow with the file.

Columns are found by their headings, whatever their order. What no field is made for is kept in the
note as `heading: value`. A row that a rule refuses is named by its line and does not stop the rest.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.database import writing
from app.errors import Conflict, Invalid
from app.extensions import db
from app.permissions import Actor, require
from blueprints.equipment.models import Item
from blueprints.equipment.services import TOOL, ItemValues, check_item

BATCH = 2_000
EMPTY = {"", "NA"}
HEADINGS = {
    "code": (
        "code",
        "tailnum",
        "tail number",
        "inventory number",
        "asset tag",
        "serial number",
        "id",
    ),
    "name": ("name", "title", "description"),
    "kind": ("kind", "type", "category"),
    "maker": ("maker", "manufacturer", "make", "brand", "vendor"),
    "model": ("model",),
    "year": ("year", "year built", "year of manufacture"),
    "note": ("note", "notes", "remark", "remarks", "comment", "comments"),
}
"""Field → headings that mean it. Case, blanks and punctuation do not count."""

Row = tuple[int, ItemValues | str]
"""The line a row ends in, and its values, or why it cannot be read."""


@dataclass
class Report:
    """What became of the rows."""

    added: int = 0
    refused: int = 0


def load(actor: Actor, lines: Iterable[str], refused: Callable[[int, str], None]) -> Report:
    """Add an item for each row; `refused(line, reason)` hears of each that cannot be added.

    Raises Invalid where the header names no column for the code or a line is not CSV, and Conflict
    where somebody adds the same codes meanwhile; batches that were committed before that stay.
    """
    require(actor, "import", TOOL)
    report = Report()
    rows = _read(lines)
    while batch := list(islice(rows, BATCH)):
        problems = _add(batch)
        report.added += len(batch) - len(problems)
        report.refused += len(problems)
        for line, reason in problems:
            refused(line, reason)
    return report


def _read(lines: Iterable[str]) -> Iterator[Row]:
    reader = csv.reader(lines)
    try:
        header = next(reader, [])
        fields = _fields(header)
        for cells in reader:
            if any(cells):
                yield reader.line_num, _values(header, fields, cells)
    except csv.Error as error:
        raise Invalid(f"Line {reader.line_num} is not CSV: {error}.") from None


def _fields(header: Sequence[str]) -> list[str | None]:
    """For each heading its field, or None; of two headings for one field the first counts."""
    meaning = {_bare(word): name for name, words in HEADINGS.items() for word in words}
    fields: list[str | None] = []
    for heading in header:
        name = meaning.get(_bare(heading))
        fields.append(name if name not in fields else None)
    if "code" not in fields:
        raise Invalid(
            f"No column holds the code. One of these headings works: {', '.join(HEADINGS['code'])}."
        )
    return fields


def _bare(heading: str) -> str:
    return re.sub(r"[\W_]", "", heading).lower()


def _values(
    header: Sequence[str], fields: Sequence[str | None], cells: Sequence[str]
) -> ItemValues | str:
    """The values of a row, or what is wrong with it."""
    if len(cells) > len(header):
        return f"{len(cells)} cells, where the header has {len(header)}"
    filled = [
        (h, f, c.strip())
        for h, f, c in zip(header, fields, cells, strict=False)
        if c.strip() not in EMPTY
    ]
    row = {field: cell for _, field, cell in filled if field}
    rest = [f"{heading.strip()}: {cell}" for heading, field, cell in filled if not field]
    row["note"] = ", ".join([row["note"], *rest] if "note" in row else rest)
    year = row.pop("year", None)
    if year is not None and not (year.isdecimal() and len(year) <= 4):
        return f"the year “{year[:20]}” is not a number like 2019"
    return _checked(row, int(year) if year else None)


def _checked(row: dict[str, str], year: int | None) -> ItemValues | str:
    code = row.setdefault("code", "")
    row.setdefault("name", " ".join(row[f] for f in ("maker", "model") if f in row)[:120] or code)
    values = ItemValues(**row, year=year)
    try:
        check_item(values)
    except Invalid as error:
        return "; ".join(message for _, message in error.errors)
    return values


def _add(batch: Sequence[Row]) -> list[tuple[int, str]]:
    """Add what can be added, in one transaction; returns (line, reason) of the others."""
    try:
        with writing() as session:
            good, problems = _sorted_out(batch)
            if good:
                session.execute(sa.insert(Item), good)
    except IntegrityError:
        raise Conflict(
            "Somebody is adding items with the same codes. Load the file again."
        ) from None
    return problems


def _sorted_out(batch: Sequence[Row]) -> tuple[list[dict[str, object]], list[tuple[int, str]]]:
    taken = _taken([values.code for _, values in batch if isinstance(values, ItemValues)])
    good, problems = [], []
    for line, values in batch:
        if isinstance(values, str):
            problems.append((line, values))
        elif values.code in taken:
            problems.append((line, f"the code {values.code} is taken by {taken[values.code]}"))
        else:
            taken[values.code] = f"line {line}"
            good.append(asdict(values))
    return good, problems


def _taken(codes: Sequence[str]) -> dict[str, str]:
    query = sa.select(Item.code).where(Item.code.in_(codes))
    return dict.fromkeys(db.session.scalars(query), "another item")
