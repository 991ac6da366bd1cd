"""The rows of a list as markup, a column at a time: no macro, no template and no address a cell.

A list has hundreds of cells and few different ones: a column remembers the cells it has made, and
keeps them with the table for the lists that come. So that a page of 50 rows by 10 columns stays under
35 KB, only cells that a phone shows have a role (a card is no table to a browser, else it is one).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

from app import clock
from app.fields import Field
from app.tables.live import Live
from blueprints.tools.words import plain

LONGEST = 200
"""Characters of a text that a cell has; with more, its beginning."""
FITS = 36
"""Characters that a column is surely wide enough for; with more, the whole is in the title."""
LABELLED = 4
"""Columns that a card on a phone shows besides the key; the others are on the record's page."""
MOST, MOST_COLUMNS = 5_000, 500
"""Cells that a column remembers, and columns that a table does."""


class _Cells(dict[Any, str]):
    """The cells of a column by value. `kind` is key (the link to the record), card, or rest."""

    def __init__(self, field: Field, kind: str) -> None:
        super().__init__()
        self.field, self.is_key = field, kind == "key"
        said = Markup(' role=cell data-label="{}"').format(field.label) if kind == "card" else ""
        self.start = f"<td{_class(field.type.css)}{said}"
        self.blank = "" if self.is_key else "<td></td>"

    def __missing__(self, value: Any) -> str:
        made = self._made(value)
        if not (isinstance(value, str) and len(value) > LONGEST):
            if len(self) >= MOST:
                self.clear()
            self[value] = made
        return made

    def _made(self, value: Any) -> str:
        shown, title = _shown(self.field, value)
        if not shown:
            return self.blank
        if self.is_key:
            return f"{title}>{escape(plain(self.field, value)) if '<' in shown else shown}</a></th>"
        return f"{self.start}{title}>{shown}</td>"


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _shown(field: Field, value: Any) -> tuple[Markup, Markup]:
    """What is between the tags of a cell, and the title of one that may be too narrow for it.

    The one link of a row leads to its record; those that values are, are on the record's page.
    """
    if isinstance(value, str) and len(value) > LONGEST:
        return escape(value[:LONGEST] + "…"), Markup()
    shown = field.type.cell(value, field)
    if "<a " in shown:
        shown = escape(field.type.text(value, field))
    long = isinstance(value, str) and len(value) > FITS
    return shown, Markup(' title="{}"').format(value) if long else Markup()


def cells(live: Live, field: Field, kind: str) -> _Cells:
    """The cells of a field, as far as they have been made; what links shows depends on who looks."""
    if live.target(field) is not None:
        return _Cells(field, kind)
    kept: dict[Any, _Cells] = live.memo.setdefault("cells", {})
    key = (field.name, kind, clock.chosen())
    if key not in kept:
        if len(kept) >= MOST_COLUMNS:  # people write dates in many ways
            kept.clear()
        kept[key] = _Cells(field, kind)
    return kept[key]


def markup(live: Live, fields: Sequence[Field], rows: Sequence[Sequence[Any]], base: str) -> Markup:
    """The rows of a table's body. `rows` begin with the id, `base` is the address of the list."""
    if not rows:
        return Markup()
    kinds = ["key", *["card"] * LABELLED, *["rest"] * len(fields)]
    ids, *columns = zip(*rows, strict=True)
    made = [
        map(cells(live, field, kind).__getitem__, column)
        for field, kind, column in zip(fields, kinds, columns, strict=False)
    ]
    start = f'<tr role=row><th role=rowheader><a href="{escape(base)}'
    lines = (
        f'{start}{id}"{key or _numbered(id)}{"".join(rest)}</tr>'
        for id, key, *rest in zip(ids, *made, strict=True)
    )
    return Markup("".join(lines))


def _numbered(id: int) -> str:
    """The key of a record whose first field is blank."""
    return f">#{id}</a></th>"
