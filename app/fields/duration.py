"""Lengths of time, in whole seconds."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.fields import lookups
from app.fields.base import CANONICAL, Field, FieldType, Guess

SECOND, LIMIT = timedelta(seconds=1), timedelta(hours=1_000_000)
PATTERNS: Mapping[str, str] = {
    CANONICAL: "(?P<hours>[0-9]{1,8}):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9])",
    "hh:mm:ss": "(?P<hours>[0-9]{2,8}):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9])",
    "h:mm": "(?P<hours>[0-9]{1,8}):(?P<minutes>[0-5][0-9])",
    "m:ss": "(?P<minutes>[0-9]{1,8}):(?P<seconds>[0-5][0-9])",
    "1d 2h 3m 4s": " ?".join(
        f"(?:(?P<{part}>[0-9]{{1,8}}) ?{unit})?"
        for part, unit in (("days", "d"), ("hours", "h"), ("minutes", "m(?:in)?"), ("seconds", "s"))
    ),
}
"""What each notation looks like; its parts are the arguments of a timedelta."""
NO_TIME_OF_DAY = re.compile("(?:-.*|[0-9]{3,}|2[5-9]|[3-9][0-9]):[0-9]{2}:[0-9]{2}")


class Seconds(sa.types.TypeDecorator[timedelta]):
    """A length of time as a whole number of seconds, which both databases sort and add up."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: sa.Dialect) -> int | None:
        """To the database. Raises ValueError for parts of a second."""
        if value is not None and value % SECOND:
            raise ValueError(f"{value} is not in whole seconds")
        return None if value is None else value // SECOND

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> timedelta | None:
        """From the database; a sum is no whole number to PostgreSQL."""
        return None if value is None else timedelta(seconds=int(value))


def average(column: Any) -> sa.ColumnElement[timedelta]:
    """Rounded half up to whole seconds, by whole numbers alone."""
    total = sa.cast(sa.func.sum(sa.type_coerce(column, sa.BigInteger)), sa.BigInteger)
    count = sa.func.count(column)
    half = sa.case((total < 0, -count), else_=count)
    return sa.type_coerce((2 * total + half) // (2 * count), Seconds())


class Duration(FieldType):
    """A length of time, which may be longer than a day, and below zero."""

    name, noun, example, python = "duration", "a length of time", "1:30:00", timedelta
    accepts = (
        "A length of time in hours, minutes and seconds, as 1:30:00. A form also takes 90m, 1h 30m "
        "and 2d, but asks where 1:30 can mean two lengths."
    )
    notations = tuple(PATTERNS)[1:]
    css, family, stored = "num", "duration", Seconds
    json_type = {"type": "string", "pattern": "^-?[0-9]{1,6}:[0-5][0-9]:[0-5][0-9]$"}
    lookups = {**lookups.EVERY, **lookups.SEVERAL, **lookups.RANGE}
    aggregates = {"sum": sa.func.sum, "average": average, "min": sa.func.min, "max": sa.func.max}

    def read(self, text: str, field: Field, notation: str) -> timedelta | None:
        found = re.fullmatch(PATTERNS[notation], text.removeprefix("-"))
        parts = (
            {part: int(number) for part, number in found.groupdict().items() if number}
            if found
            else {}
        )
        if not parts:
            return None
        return -timedelta(**parts) if text.startswith("-") else timedelta(**parts)

    def accept(self, value: timedelta, field: Field) -> timedelta:
        if not -LIMIT < value < LIMIT:
            raise field.refusal("must be less than 1,000,000 hours")
        return value

    def write(self, value: timedelta, field: Field, notation: str) -> str:
        sign = "-" if value < timedelta() else ""
        minutes, seconds = divmod(abs(value) // SECOND, 60)
        if notation == "m:ss":
            return f"{sign}{minutes}:{seconds:02}"
        hours = f"{minutes // 60:02}" if notation == "hh:mm:ss" else f"{minutes // 60}"
        rest = "" if notation == "h:mm" and not seconds else f":{seconds:02}"
        return f"{sign}{hours}:{minutes % 60:02}{rest}"

    def guess(self, texts: Collection[str], name: str) -> list[Guess]:
        """Only where some are no time of day."""
        sure = any(NO_TIME_OF_DAY.fullmatch(text.strip()) for text in texts)
        return super().guess(texts, name) if sure else []
