"""Typed rows: each cell of a sheet is read by the field type of its column.

Rows go through in blocks, column by column: a text that came before costs one look into a dict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, starmap
from typing import Any, NamedTuple

from app.errors import Invalid
from app.fields import Field
from app.fields.lanes import lane
from app.sheets.book import Book, Problem
from app.sheets.guard import unguarded
from app.sheets.plan import Plan, PlanColumn

BLOCK = 500
KEPT = 10_000


class Row(NamedTuple):
    """A row of a sheet: the line it begins in, a value for each field, and why some could not be read.

    Where there are errors, the values that were refused are None, and `texts` has what was written.
    """

    line: int
    values: Sequence[Any]
    errors: Sequence[Problem] = ()
    texts: Sequence[str] = ()


class Reader(dict[str, Any]):
    """The values of the texts of one column; one that is not known yet is read when it is asked for."""

    def __init__(self, column: PlanColumn, field: Field, guarded: bool) -> None:
        super().__init__()
        self.field, self.notation = field, column.notation
        self.blanks, self.guarded = frozenset(column.blanks), guarded
        self.parse, self.lane = field.type.parse, lane(field, column.notation)

    def block(self, texts: Sequence[str]) -> Iterable[Any]:
        """The values of a block. Raises Invalid where some text has none, once it is looked at."""
        self.field.type.expect(texts, self.field)
        quick = (
            self.lane(texts) if self.lane and not (self.guarded and "'" in "".join(texts)) else None
        )
        return map(self.__getitem__, texts) if quick is None else quick

    def __missing__(self, text: str) -> Any:
        value = self._read(text)
        if len(self) >= KEPT:
            self.clear()
        self[text] = value
        return value

    def _read(self, text: str) -> Any:
        if self.guarded:
            text = unguarded(text)
        if self.blanks and text.strip() in self.blanks:
            return None
        return self.parse(text, self.field, self.notation)


def read_rows(book: Book, plan: Plan, fields: Sequence[Field] | None = None) -> Iterator[Row]:
    """Each row below the header that is not blank.

    `fields` stand in for those of the plan, one for each column that is included. A row with more
    filled cells than there are columns has an error, so that nothing is dropped unseen. Raises Invalid
    where the file cannot be read on.
    """
    columns = plan.included()
    if not columns:
        raise Invalid("No column of the sheet is included, so there is nothing to read.")
    fields = plan.fields() if fields is None else fields
    reading = _Reading(plan.width, columns, fields, plan.guarded)
    rows = book.rows(plan.sheet)
    below = (row for row in rows if row[0] > (plan.header_row or 0))
    while block := list(islice(below, BLOCK)):
        yield from reading.block(block)


class _Reading:
    """Reads blocks of rows."""

    def __init__(
        self, width: int, columns: list[PlanColumn], fields: Sequence[Field], guarded: bool
    ) -> None:
        self.width, self.columns, self.blank = width, columns, [""] * width
        pairs = zip(columns, fields, strict=True)
        self.readers = [(one.index, Reader(one, field, guarded)) for one, field in pairs]

    def block(self, rows: list[tuple[int, list[str]]]) -> Iterator[Row]:
        """The rows, all at once where none is odd, else one by one."""
        texts = [cells for _, cells in rows]
        try:
            if set(map(len, texts)) != {self.width}:
                texts = [self._fitted(cells) for cells in texts]
            turned = list(zip(*texts, strict=True)) or [()] * self.width
            read = [reader.block(turned[index]) for index, reader in self.readers]
            values = list(zip(*read, strict=True))
        except (Invalid, IndexError):
            yield from filter(None, starmap(self._row, rows))
            return
        for (line, cells), row in zip(rows, values, strict=True):
            if row.count(None) < len(row) or any(map(str.strip, cells)):
                yield Row(line, row)

    def _fitted(self, cells: list[str]) -> list[str]:
        """As many cells as there are columns. Raises IndexError where a filled one is left over."""
        if any(map(str.strip, cells[self.width :])):
            raise IndexError
        return (cells + self.blank[len(cells) :])[: self.width]

    def _row(self, line: int, cells: list[str]) -> Row | None:
        """One row with its errors; None where it is blank."""
        if not any(map(str.strip, cells)):
            return None
        more = ragged(line, cells, self.width) if len(cells) > self.width else None
        errors = [more] if more else []
        full = cells + self.blank[len(cells) :]
        values = []
        for column, (index, reader) in zip(self.columns, self.readers, strict=True):
            try:
                values.append(reader[full[index]])
            except Invalid as error:
                values.append(None)
                errors.append(Problem(line, column.label, full[index], str(error)))
        return Row(line, values, errors, full if errors else ())


def ragged(line: int, cells: list[str], width: int) -> Problem | None:
    """What is wrong with a row that has not as many cells as there are columns."""
    extra = [cell for cell in cells[width:] if cell.strip()]
    if not extra and len(cells) >= width:
        return None
    reason = f"the row has {len(cells)} cells, and there are {width} columns"
    return Problem(line, "", extra[0] if extra else "", reason)
