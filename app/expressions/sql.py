"""The pieces of SQL that the two databases say differently, and the functions that SQLite lacks."""

from __future__ import annotations

import operator
import re
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.fields.number import Exact

FIT = 2**63
"""What SQLite's whole numbers stay below."""


class Wide(Exact):
    """A number on the way, with so many decimals and as many digits as it takes."""

    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        kind = sa.BigInteger() if dialect.name == "sqlite" else sa.Numeric()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """To the database."""
        if value is None or dialect.name != "sqlite":
            return None if value is None else Decimal(value)
        return _kept(int(Decimal(value).scaleb(self.scale)))


def _kept(number: int) -> int | str:
    """As SQLite can have it: as a text of digits where it does not fit into 64 bits."""
    return number if -FIT <= number < FIT else str(number)


WHOLE = Wide(0)

FORMS = {
    "+": ("(({0}) + ({1}))", "exact({0}, {1}, '+')"),
    "-": ("(({0}) - ({1}))", "exact({0}, {1}, '-')"),
    "*": ("(({0}) * ({1}))", "exact({0}, {1}, '*')"),
    "compare": ("sign(({0}) - ({1}))", "exact({0}, {1}, 'compare')"),
    "abs": ("abs({0})", "exact({0}, 0, 'abs')"),
    "finer": ("({0})", "exact({0}, {1}, '*')"),
    "round": ("round({0}, {2})", "ratio({0}, {1}, 1)"),
    "/": ("round(round({0}, {3}) / nullif({1}, 0), {4})", "ratio({0}, {1}, {2})"),
    "within": (
        "nullif(nullif(greatest(least({0}, {2}), {1}), {1}), {2})",
        "within({0}, {1}, {2})",
    ),
    "day": ("(DATE '1970-01-01' + CAST({0} AS INTEGER))", "date({0} * 86400, 'unixepoch')"),
    "upper": ('upper({0} COLLATE "und-x-icu")', "capitals({0})"),
}
"""Each piece as PostgreSQL and as SQLite has it. What can be nested stands in it once, or
it would grow with two to the power of its depth; and first, where SQLite's parser takes it deepest."""


class piece(FunctionElement[Any]):
    """One of FORMS; whole numbers are written into it, as part of the statement."""

    inherit_cache = True

    def __init__(self, form: str, *parts: Any, type_: Any = WHOLE) -> None:
        super().__init__(sa.literal_column(f"'{form}'"), *map(_part, parts))
        self.type = type_


def _part(part: Any) -> Any:
    if not isinstance(part, int):
        return part
    return sa.literal_column(repr(_kept(part)))


@compiles(piece)
def _piece(element: Any, compiler: Any, **options: Any) -> str:
    form, *parts = [compiler.process(clause, **options) for clause in element.clauses]
    texts = FORMS[form.strip("'")]
    return texts[compiler.dialect.name == "sqlite"].format(*parts)


PLACES = 100
"""What SQLite's parser has for what it has begun to read, unless it is newer than 3.45."""
TOKENS = re.compile(r"'[^']*'|\w*\(|\)|,|\bCASE\b|\bEND\b")


def places(element: Any) -> int:
    """How many of PLACES the SQL of an element takes at most: what is open, its first argument where
    there is another, and an operator before it with what it joins."""
    text = str(element.compile(dialect=sqlite.dialect()))
    held, more, most = [0], [0], 0
    for found in TOKENS.finditer(text):
        token, before = found[0], text[: found.start()].rstrip()[-1:]
        if token in (")", "END"):
            del held[-1], more[-1]
        elif token == ",":
            more[-1] = 2
        elif token[0] != "'":
            opened = {"(": 1, "CASE": 4}.get(token, 3)
            held.append(opened if before in ("", "(", ",") else opened + 2)
            more.append(0)
            most = max(most, sum(held) + sum(more))
    return most


# What SQLite lacks -----------------------------------------------------------------------------


OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "compare": lambda one, other: (one > other) - (one < other),
    "abs": lambda one, _: abs(one),
}


Digits = int | str | None


def _exact(one: Digits, other: Digits, operation: str) -> Digits:
    """Whole numbers of any length."""
    if one is None or other is None:
        return None
    return _kept(OPERATIONS[operation](int(one), int(other)))


def _ratio(one: Digits, other: Digits, factor: int | str) -> Digits:
    """`one * factor / other`, rounded half up, away from zero; None where `other` is 0."""
    if one is None or other is None or not int(other):
        return None
    above, below = int(one) * int(factor), int(other)
    whole = (2 * abs(above) + abs(below)) // (2 * abs(below))
    return _kept(whole if (above < 0) == (below < 0) else -whole)


def _within(one: Digits, low: int, high: int) -> Digits:
    return one if one is not None and low < int(one) < high else None


def _rank(found: Any) -> Any:
    """Dates and times sort as the texts that they are, digits as the number."""
    return int(found) if isinstance(found, str) and found.lstrip("-").isdigit() else found


def _pick(pick: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *found: pick((x for x in found if x is not None), key=_rank, default=None)


def _place(found: str | None, part: str | None) -> int | None:
    return None if found is None or part is None else found.find(part) + 1


@sa.event.listens_for(sa.Engine, "connect")
def _bring(connection: Any, _record: Any) -> None:
    """`least`, `greatest` and `strpos` are PostgreSQL's own; SQLite's `upper` knows ASCII only."""
    if isinstance(connection, sqlite3.Connection):
        for name, arguments, function in (
            ("exact", 3, _exact),
            ("ratio", 3, _ratio),
            ("within", 3, _within),
            ("least", -1, _pick(min)),
            ("greatest", -1, _pick(max)),
            ("strpos", 2, _place),
            ("capitals", 1, lambda found: found and found.upper()),
        ):
            connection.create_function(name, arguments, function, deterministic=True)
