"""Rows of values into files, as a stream: CSV, XLSX, JSON. What is written reads back as the same values.

CSV is UTF-8 without a mark, with commas and CRLF as RFC 4180 has it. In CSV, texts that a spreadsheet
would take for formulas are guarded (`app.sheets.guard`); numbers, dates and phone numbers are not.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from app.errors import Invalid
from app.fields import Field
from app.fields.date import zone
from app.fields.number import Number
from app.sheets.guard import ANY_DANGEROUS, guarded

BLOCK = 1 << 15
"""Characters that are sent together."""
ROWS = 100
"""Rows that are written before the next look at how much there is to send."""
LONGEST_CELL, MOST_ROWS = 32_767, 1_048_576
"""Of a workbook."""
SURROGATES = re.compile("[\ud800-\udfff]")
UNWRITABLE = re.compile("_(?=x[0-9A-Fa-f]{4}_)|[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ufffe\uffff]")
"""What a workbook writes as `_x0007_`, and the beginning of a text that only looks so."""


def csv_lines(
    headings: Sequence[str],
    rows: Iterable[Sequence[Any]],
    fields: Sequence[Field] | None = None,
    plain: bool = False,
) -> Iterator[bytes]:
    """The bytes of a CSV file, some KB at a time.

    Without fields the rows are texts already; `plain` keeps the guard off the headings as well. Raises
    UnicodeEncodeError for half a character, which no file can hold.
    """
    blocks: Iterable[Iterable[Sequence[Any]]] = _some(rows)
    if fields is not None:
        texts = [Texts(field, field.type.writer(field)) for field in fields]
        blocks = (as_texts(texts, zip(*some, strict=True)) for some in blocks)
    return csv_blocks(headings if plain else [guarded(one) for one in headings], blocks)


def csv_blocks(
    headings: Sequence[str], blocks: Iterable[Iterable[Sequence[str]]]
) -> Iterator[bytes]:
    """The same of rows of texts that come in blocks."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(headings)
    for rows in blocks:
        writer.writerows(rows)
        if buffer.tell() > BLOCK:
            yield _drained(buffer)
    yield _drained(buffer)


def _some(rows: Iterable[Any]) -> Iterator[list[Any]]:
    rows = iter(rows)
    while some := list(islice(rows, ROWS)):
        yield some


def as_texts(texts: Sequence[Texts], columns: Iterable[Sequence[Any]]) -> Iterator[Sequence[str]]:
    """Rows of texts, from columns of values."""
    return zip(*map(Texts.all, texts, columns), strict=True)


class Texts:
    """Makes the texts of the values of one column in CSV: canonical, guarded where they are words.

    `write` makes a text of what is given, None where that is a text already.
    """

    def __init__(self, field: Field, write: Callable[[Any], str] | None) -> None:
        self.write = write
        words = field.type.python in (str, tuple) or "prefix" in field.options
        self.is_words = words and field.options.get("format") != "phone"

    def all(self, values: Sequence[Any]) -> Iterable[str]:
        """The texts of these values."""
        if self.write is None:
            words = [one or "" for one in values]
        else:
            texts = {one: self.write(one) for one in set(values) - {None}}
            texts[None] = ""
            words = list(map(texts.__getitem__, values))
        return self._guarded(words) if self.is_words else words

    def _guarded(self, words: list[str]) -> list[str]:
        """Most words need no guard, which is one look for all."""
        if ANY_DANGEROUS.search("\0" + "\0".join(words)):
            return [guarded(one) for one in words]
        return words


def _drained(buffer: io.StringIO) -> bytes:
    found = buffer.getvalue().encode("utf-8", "strict")
    buffer.seek(0)
    buffer.truncate()
    return found


# JSON ------------------------------------------------------------------------------------------


def json_array(objects: Iterable[str]) -> Iterator[bytes]:
    """One JSON array, an object a line, of the texts of objects."""
    between = "[\n"
    for some in _some(objects):
        yield (between + ",\n".join(some)).encode()
        between = ",\n"
    yield b"[\n]\n" if between == "[\n" else b"\n]\n"


def json_lines(objects: Iterable[str]) -> Iterator[bytes]:
    """JSON, an object a line and nothing between them, of the texts of objects."""
    for some in _some(objects):
        yield "".join(f"{one}\n" for one in some).encode()


# XLSX ------------------------------------------------------------------------------------------


def xlsx_file(
    path: Path, headings: Sequence[str], fields: Sequence[Field], rows: Iterable[Sequence[Any]],
    sheet: str = "Sheet1",
) -> Path:  # fmt: skip
    """Write a workbook with one sheet to `path`, which is handed back. Memory does not grow.

    Numbers, dates and yes or no are typed cells; texts are texts, never formulas. Raises Invalid for a
    text that no workbook can hold; nothing is left behind then.
    """
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    page = book.create_sheet(re.sub(r"[\[\]:*?/\\]", "_", sheet)[:31].strip("'") or "Sheet1")
    try:
        page.append([_cell(page, one, "s", "General") for one in map(_escaped, headings)])
        for line, row in enumerate(rows, 2):
            if line > MOST_ROWS:
                raise Invalid(f"A workbook has room for {MOST_ROWS:,} rows. Export CSV instead.")
            page.append(_cells(page, fields, row, line))
    except BaseException:
        page.close()
        raise
    book.save(path)
    return path


def _cells(page: Any, fields: Sequence[Field], row: Sequence[Any], line: int) -> list[Any]:
    try:
        return [None if one is None else _typed(page, field, one)
                for field, one in zip(fields, row, strict=True)]  # fmt: skip
    except Invalid as error:
        raise Invalid(f"Row {line:,}: {error}") from None


def _cell(page: Any, value: Any, kind: str, shown: str) -> Any:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(page)
    cell._value, cell.data_type = value, kind  # set as it is: `value` would take texts for formulas
    if shown != "General":
        cell.number_format = shown
    return cell


def _typed(page: Any, field: Field, value: Any) -> Any:
    """The value as a cell. What a workbook cannot hold exactly becomes its canonical text."""
    if isinstance(value, bool):
        return _cell(page, value, "b", "General")
    if isinstance(value, int | Decimal) and "prefix" not in field.options:
        return _cell(page, *_number(field, value))
    if isinstance(value, timedelta):
        return _cell(page, value / timedelta(days=1), "n", "[h]:mm:ss")
    moment = _clock(value)
    if moment is not None:
        return _cell(page, moment, "d", _SHOWN[type(moment)])
    return _cell(page, _escaped(field.type.text(value, field)), "s", "General")


_SHOWN = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm:ss", time: "hh:mm:ss"}


def _number(field: Field, value: Any) -> tuple[Any, str, str]:
    """A number with its unit as its format; percent are hundredths."""
    if not isinstance(field.type, Number) or isinstance(value, int):
        return value, "n", "General"
    way, places = (
        field.type.shown_as(field),
        "0" * int(field.options.get("shown", field.type.scale(field))),
    )
    number = f"0.{places}" if places else "0"
    if "%" in way.after:
        return value / 100, "n", f"{number}%"
    return value, "n", f'"{way.before}"{number}' if way.before else number


def _clock(value: Any) -> Any:
    """A day, a time, or a moment on the workspace's clocks; None where a workbook has no such."""
    if isinstance(value, datetime):
        local = value.astimezone(zone()).replace(tzinfo=None)
        same = local.replace(tzinfo=zone()) == value and not value.microsecond
        return local if same and local.year >= 1901 else None
    if isinstance(value, date):
        return value if value.year >= 1901 else None
    return value if isinstance(value, time) and not value.microsecond else None


def _escaped(text: str) -> str:
    """The text as XML can have it (ECMA-376, ST_Xstring). Raises Invalid where nothing can."""
    if SURROGATES.search(text):
        raise Invalid("half of a character is missing, so that no file can hold the text")
    if len(text) > LONGEST_CELL:
        raise Invalid(
            f"a cell has room for {LONGEST_CELL:,} characters, and a text has {len(text):,}"
        )
    return UNWRITABLE.sub(lambda one: f"_x{ord(one[0]):04X}_", text)
