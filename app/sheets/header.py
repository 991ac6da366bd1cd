"""Where the header of a sheet is."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from app.sheets.book import Option, Question
from app.sheets.names import labels

LOOKED_AT = 200
"""Rows that settle what is usual."""
TITLES = 20
"""So many rows may stand above a header."""
TYPED = re.compile(r"(?i)[^a-z]*[0-9][^a-z]*|true|false|[0-9-]+T[0-9:.]+Z?")

Rows = list[tuple[int, list[str]]]


class Header(NamedTuple):
    """The line of the header, None where there is none, its cells, and a question if in doubt."""

    line: int | None
    cells: list[str]
    question: Question | None = None


def find_header(rows: Rows) -> Header:
    """The header among the first rows of a sheet.

    Leading rows much narrower than usual are titles. The first full row is the header where all its
    cells are words, filled and distinct; where others that are not narrow stand above it, only if it
    differs from what is below. Else the first row that is not narrow is proposed, with a question.
    """
    width = _used(rows, usual_width(rows))
    wide = [one for one in rows[:TITLES] if not _narrow(one[1], width)]
    if not wide:
        return Header(None, [])
    for line, cells in wide:
        below = [one for number, one in rows if number > line]
        if _full(cells, width) and ((line, cells) == wide[0] or _differs(cells, below)):
            return Header(line, cells)
    return _doubted(*wide[0])


def usual_width(rows: Rows) -> int:
    """How many cells a row usually has up to the last one that is filled."""
    widths = Counter(width for _, cells in rows if (width := _trimmed(cells)))
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _used(rows: Rows, width: int) -> int:
    """How many of the columns have a cell that is filled."""
    return sum(any(_filled(cells[i : i + 1]) for _, cells in rows) for i in range(width))


def _trimmed(cells: list[str]) -> int:
    return max((place for place, one in enumerate(cells, 1) if one.strip()), default=0)


def _filled(cells: list[str]) -> list[str]:
    return [one.strip() for one in cells if one.strip()]


def _narrow(cells: list[str], width: int) -> bool:
    return len(_filled(cells)) <= (width // 2 if width > 1 else 0)


def _full(cells: list[str], width: int) -> bool:
    found = _filled(cells)
    words = not any(map(TYPED.fullmatch, found))
    return words and len(found) >= width and len({one.casefold() for one in found}) == len(found)


def _differs(cells: list[str], below: list[list[str]]) -> bool:
    """Whether numbers or dates stand below some word."""
    for index in range(len(cells)):
        values = _filled([one[index] for one in below if len(one) > index])
        if values and sum(bool(TYPED.fullmatch(one)) for one in values) > len(values) * 0.6:
            return True
    return False


def _doubted(line: int, cells: list[str]) -> Header:
    """Not sure: a row without any word is taken for data."""
    there = Option(line, f"line {line:,} is the header", labels(cells))
    none = Option(None, "there is no header", labels([""] * len(cells)))
    data = all(map(TYPED.fullmatch, _filled(cells)))
    options = [none, there] if data else [there, none]
    text = f"line {line:,} may be a header or not: {_why(cells)}"
    question = Question("header_row", text, options)
    return Header(None, [], question) if data else Header(line, cells, question)


def _why(cells: list[str]) -> str:
    found = _filled(cells)
    if any(map(TYPED.fullmatch, found)):
        return "there are numbers or dates in it"
    if len({one.casefold() for one in found}) < len(found):
        return "some of its words are the same"
    return "some of its cells are blank"
