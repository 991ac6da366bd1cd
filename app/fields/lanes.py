"""The quick lane: a block of a column's texts at once, where all are written in the usual way.

A field type reads one text at a time, with care. Most texts need none: whether a whole block is of a
plain form is one match of a regular expression, and its values are one call of Python each. A lane
takes a block only where every text is read by the type as the same value and printed back as it was;
a test holds every lane against its type. All other blocks go the usual way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from app.fields import Field
from app.fields.date import Date, DateTime
from app.fields.number import DIGITS, DecimalNumber, Integer, Money
from app.fields.text import FORMATS, LongText, Text

Lane = Callable[[Sequence[str]], list[Any] | None]
"""The values of a block, None where it has to go the usual way."""
DAY = "[1-8][0-9]{3}-[0-9]{2}-[0-9]{2}"


def lane(field: Field, notation: str) -> Lane | None:
    """The quick lane of a column, None where it has none."""
    make = LANES.get(type(field.type))
    return None if make is None or notation else make(field)


def _printable(field: Field) -> Lane | None:
    """Words: a block without any character that may need a second look."""
    longest = field.type.longest(field)  # type: ignore[attr-defined]
    if isinstance(field.type, Text) and not isinstance(field.type, LongText):
        pattern = field.type.format(field).pattern
        if pattern != FORMATS["plain"].pattern:
            return _matched(pattern, partial(_no_longer, longest=longest))
    return partial(_words, longest=longest)


def _no_longer(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ValueError(text)
    return text


def _words(texts: Sequence[str], longest: int) -> list[Any] | None:
    if not "".join(texts).isprintable() or max(map(len, texts)) > longest:
        return None
    return [text.strip() or None for text in texts]


def _matched(pattern: str, convert: Callable[[str], Any]) -> Lane:
    """Every text is blank or matches. Raises what `convert` does only for values that do not exist."""
    fits = re.compile(f"(?:(?:{pattern})?\0)*").fullmatch

    def read(texts: Sequence[str]) -> list[Any] | None:
        whole = "\0".join(texts) + "\0"
        if whole.count("\0") != len(texts) or not fits(whole):
            return None
        try:
            return [convert(text) if text else None for text in texts]
        except ValueError:  # such as 2026-02-30
            return None

    return read


def _integers(field: Field) -> Lane | None:
    if field.options:
        return None
    return _matched(rf"0|-?[1-9][0-9]{{0,{DIGITS - 1}}}", int)


def _decimals(field: Field) -> Lane | None:
    scale, limited = field.type.scale(field), {"min", "max"} & set(field.options)  # type: ignore[attr-defined]
    shown = int(field.options.get("shown", scale))
    if limited or shown > scale or not scale:
        return None
    rest = rf"(?:[0-9]{{0,{scale - shown - 1}}}[1-9])?" if scale > shown else ""
    part = rf"\.[0-9]{{{shown}}}{rest}" if shown else rf"(?:\.{rest[3:-2]})?"
    pattern = rf"(?:-(?!0[.0]*\0))?(?:0|[1-9][0-9]{{0,{DIGITS - scale - 1}}}){part}"
    step = Decimal(1).scaleb(-scale)
    return _matched(
        pattern, Decimal if shown == scale else lambda text: Decimal(text).quantize(step)
    )


def _days(field: Field) -> Lane | None:
    return _matched(DAY, date.fromisoformat)


def _moments(field: Field) -> Lane | None:
    return _matched(f"{DAY}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}Z", datetime.fromisoformat)


LANES: dict[type, Callable[[Field], Lane | None]] = {
    Text: _printable, LongText: _printable, Integer: _integers, DecimalNumber: _decimals,
    Money: _decimals, Date: _days, DateTime: _moments,
}  # fmt: skip
"""By class, so that a type that derives from one of them has to bring its own."""
