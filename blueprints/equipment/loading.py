"""A list that somebody has into items, read as a stream: memory does not grow with the file.

Columns are found by their headings, whatever their order. What no field is made for is kept in the
note as `heading: value`. A row that cannot be stored is named by its line and does not stop the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.errors import Invalid
from app.extensions import db
from app.fields import FORM
from app.permissions import Actor
from app.sheets.book import open_book
from app.tables import records
from app.tables.live import Live
from blueprints.equipment.models import Item
from blueprints.equipment.services import table

BLOCK = 500
EMPTY = {"", "NA"}
HEADINGS = {
    "code": "code, tailnum, tail number, inventory number, asset tag, serial number, id",
    "name": "name, title, description",
    "kind": "kind, type, category",
    "maker": "maker, manufacturer, make, brand, vendor",
    "model": "model",
    "year": "year, year built, year of manufacture",
    "note": "note, notes, remark, remarks, comment, comments",
}
"""Field → headings that mean it. Case, blanks and punctuation do not count."""


def load(actor: Actor, file: Path) -> Iterator[tuple[int, str]]:
    """Add an item for each row; yields its line, and why it was refused, empty where it was added.

    Raises Invalid where no column holds the code.
    """
    live = table(actor, "item", "import")
    with open_book(file) as book:
        rows = book.rows(book.sheet())
        columns = _columns(next(rows, (0, []))[1])
        while block := list(islice(rows, BLOCK)):
            texts = [(line, _texts(columns, cells)) for line, cells in block]
            good, outcomes = _sorted_out(live, texts)
            records.save_many(actor, live, good)
            yield from outcomes


def _columns(header: Sequence[str]) -> list[tuple[str, str]]:
    """Each heading with its field, else nothing; of two headings for one field the first counts."""
    meaning = {_bare(word): name for name, words in HEADINGS.items() for word in words.split(",")}
    fields: list[str] = []
    for heading in header:
        name = meaning.get(_bare(heading), "")
        fields.append("" if name in fields else name)
    if "code" not in fields:
        raise Invalid(f"No column holds the code. One of these headings works: {HEADINGS['code']}.")
    return list(zip(header, fields, strict=True))


def _bare(heading: str) -> str:
    return re.sub(r"[\W_]", "", heading).lower()


def _texts(columns: Sequence[tuple[str, str]], cells: Sequence[str]) -> dict[str, str]:
    """The cells of a row by field; without a name, the item is called by its maker and model."""
    found, rest = dict.fromkeys(HEADINGS, ""), []
    beyond = [("more", "")] * (len(cells) - len(columns))
    for (heading, field), cell in zip([*columns, *beyond], cells, strict=False):
        if (text := cell.strip()) not in EMPTY:
            if field:
                found[field] = text
            else:
                rest.append(f"{heading.strip()}: {text}")
    found["name"] = found["name"] or f"{found['maker']} {found['model']}".strip() or found["code"]
    found["note"] = ", ".join(filter(None, [found["note"], *rest]))
    return found


def _sorted_out(
    live: Live, rows: Sequence[tuple[int, dict[str, str]]]
) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    """The values of the rows that can be added, and what becomes of each row."""
    codes = sa.select(Item.code).where(Item.code.in_([texts["code"] for _, texts in rows]))
    taken = dict.fromkeys(db.session.scalars(codes), "another item")
    good, outcomes = [], []
    for line, texts in rows:
        try:
            values = _values(live, texts)
            if texts["code"] in taken:
                raise Invalid(f"the code {texts['code']} is taken by {taken[texts['code']]}")
            taken[texts["code"]] = f"line {line:,}"
            good.append(values)
            outcomes.append((line, ""))
        except Invalid as error:
            outcomes.append((line, str(error)))
    return good, outcomes


def _values(live: Live, texts: dict[str, str]) -> dict[str, Any]:
    """What the texts mean, as a form would read them. Raises Invalid."""
    fields = [live.table.by_name[name] for name in texts]
    return {
        one.name: one.type.check(one.type.parse(texts[one.name], one, FORM), one) for one in fields
    }
