"""What expressions can do besides arithmetic: comparisons, days, and the functions by name."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.errors import Invalid
from app.expressions import numbers
from app.expressions.sql import WHOLE, piece
from app.expressions.values import (
    Build,
    Columns,
    Value,
    alike,
    check_text,
    made,
    need,
    sql_type,
    text,
    value,
    yes_no,
)
from app.fields.date import zone
from app.fields.lookups import folded

DATED = ("date", "date-time")
ORDERED = ("number", *DATED, "time")

# Comparisons -----------------------------------------------------------------------------------

SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def ordered(sign: str, one: Value, other: Value) -> Value:
    """Whether one is less than the other, and the like; empty where one of them is. Raises Invalid."""
    one, other = both = alike([one, other])
    if one.kind not in ORDERED:
        raise Invalid(f"{one}, which has no order; compare it with == or !=")
    numbers.result(0, *both)
    return yes_no(lambda c: SIGNS[sign](*_sides(both, c, order=True)), one.filled and other.filled)


def equal(one: Value, other: Value) -> Value:
    """Whether both are the same or both empty: never empty itself. Raises Invalid."""
    one, other = both = alike([one, other])
    if one.kind == "texts":
        raise Invalid(f"{one}; what works is a text in {one.label}")
    numbers.result(0, *both)
    check_text(one, other)
    check_text(other, one)
    return yes_no(lambda c: _equal(one, other, _sides(both, c)), True)


def _equal(one: Value, other: Value, sides: Sequence[Any]) -> Any:
    x, y = sides
    if not (one.filled or other.filled):
        return x.is_not_distinct_from(y)
    return _sure(x == y, one, x) if other.filled else _sure(x == y, other, y)


def _sure(condition: Any, one: Value, side: Any) -> Any:
    """A condition that is NULL where this side of it is, as yes or no; a column keeps its index."""
    if one.filled:
        return condition
    if one.leaf:
        return sa.and_(side.is_not(None), condition)
    return sa.func.coalesce(condition, sa.false(), type_=sa.Boolean())


def _sides(values: list[Value], columns: Columns, order: bool = False) -> list[Any]:
    """The SQL of values that are compared. The blank texts of a column need not be NULL for it where
    all the others are filled."""
    if all(one.kind == "number" for one in values):
        return numbers.sides(values, columns, order)
    raw = sum(not one.filled for one in values) < 2
    return [(one.raw if raw and one.raw else one.build)(columns) for one in values]


def among(one: Value, constants: Sequence[Value]) -> Value:
    """Whether it is one of these constants; no where it is empty. Raises Invalid."""
    values = [one, *(check_text(alike([one, other])[1], one) for other in constants)]
    if any(other.literal is None for other in values[1:]):
        raise Invalid("In the brackets after in stand texts in quotes, numbers and dates")
    numbers.result(0, *values)

    def build(c: Columns) -> Any:
        side, *others = _sides(values, c)
        return _sure(side.in_(others), one, side)

    return yes_no(build, True)


def in_list(one: Value, several: Value) -> Value:
    """Whether a text is in a list of texts, such as me.roles. Raises Invalid."""
    need(one, "text")
    need(several, "texts")

    def build(c: Columns) -> Any:
        side, listed = _sides([one, several], c)
        return _sure(side.in_(listed), one, side)

    return yes_no(build, True)


def blank(one: Value) -> Value:
    """Whether it is empty."""
    return yes_no(lambda c: one.build(c).is_(None), True)


# Days ------------------------------------------------------------------------------------------

FIRST, LAST = ((day - date(1970, 1, 1)).days for day in (date.min, date.max))


def _days(one: Value) -> Value:
    """The number of the day, from 1970-01-01."""

    def build(c: Columns) -> Any:
        seconds = sa.cast(sa.extract("epoch", one.build(c)), WHOLE)
        return seconds.op("/")(sa.literal(86_400, WHOLE))

    return numbers.whole(build, 10**7)


def between(later: Value, earlier: Value) -> Value:
    """The number of days from the earlier date to the later one."""
    return numbers.added("-", _days(later), _days(earlier))


def moved(sign: str, day: Value, days: Value) -> Value:
    """The date so many days later; empty beyond the years 1 to 9999. Raises Invalid."""
    if days.scale:
        raise Invalid(f"{days.label} has decimals; a date moves by whole days, as of round(…)")
    there = numbers.added(sign, _days(day), days)
    ends = sa.literal(FIRST - 1, WHOLE), sa.literal(LAST + 1, WHOLE)

    def build(c: Columns) -> Any:
        return piece("day", piece("within", there.build(c), *ends), type_=sa.Date())

    return value(made("date"), build)


def _local(one: Value, columns: Columns) -> Any:
    """A date, or what the clocks of the workspace show at a moment."""
    found = one.build(columns)
    if one.kind == "date":
        return found
    return sa.func.timezone(str(zone()), found, type_=sa.DateTime())


# The functions by name -------------------------------------------------------------------------


def one_of(values: Sequence[Value], pick: Callable[[list[Any], Columns], Any]) -> Value:
    """One of these values, which are of one kind; `pick` makes its SQL of theirs. Raises Invalid."""
    values = alike(values)
    first = need(values[0], *ORDERED, "text", "yes-no", "link")
    if first.kind == "number":
        return numbers.chosen(list(values), pick)
    field = first.field if first.kind == "link" else made(first.kind)

    def build(c: Columns) -> Any:
        return sa.type_coerce(pick([one.build(c) for one in values], c), sql_type(field))

    if first.kind == "text":
        return text(build, max(one.bound for one in values))
    return value(field, build)


def _picked(name: str) -> Callable[..., Value]:
    return lambda *values: one_of(values, lambda found, _: getattr(sa.func, name)(*found))


def _extreme(name: str) -> Callable[..., Value]:
    return lambda *values: _picked(name)(*(need(one, *ORDERED) for one in alike(values)))


def joined(one: Value, other: Value) -> Value:
    """One text after the other; empty where one of them is."""

    def build(c: Columns) -> Any:
        return sa.type_coerce(one.build(c), sa.String()).concat(other.build(c))

    return text(build, one.bound + other.bound)


def _place(one: Value, part: Value, columns: Columns) -> Any:
    """Where a part begins in a text, from 1, whatever the capitals; 0 where it is not in it."""
    return sa.func.strpos(folded(one.build(columns)), folded(part.build(columns)))


def _extract(part: str, most: int) -> Callable[[Value], Value]:
    return lambda one: numbers.whole(lambda c: sa.extract(part, _local(one, c)), most)


def _round(one: Value, places: Value | None = None) -> Value:
    digits = places.literal if places else 0
    if digits not in range(13):
        raise Invalid("The decimals to round to are a whole number from 0 to 12")
    return numbers.round_to(one, int(digits))


class Function(NamedTuple):
    """`usage` is an example; `kinds` is what all arguments have to be, where that is not left to
    `make`, which gives the value."""

    usage: str
    fewest: int
    most: int
    kinds: Sequence[str]
    make: Callable[..., Value]


def _lower(one: Value) -> Value:
    return text(lambda c: folded(one.build(c)), 3 * one.bound)


def _upper(one: Value) -> Value:
    build: Build = lambda c: piece("upper", one.build(c), type_=sa.String())  # noqa: E731
    return text(build, 3 * one.bound)


def _length(one: Value) -> Value:
    return numbers.whole(lambda c: sa.func.length(one.build(c)), one.bound)


def _found(test: Callable[[Any], Any]) -> Callable[..., Value]:
    """Whether the place of a part in a text passes the test."""
    return lambda one, part: yes_no(
        lambda c: test(_place(one, part, c)), one.filled and part.filled
    )


def _date(one: Value) -> Value:
    return value(made("date"), lambda c: sa.func.date(_local(one, c), type_=sa.Date()))


FUNCTIONS: Mapping[str, Function] = {
    "round": Function("round(number, 2)", 1, 2, ("number",), _round),
    "abs": Function("abs(number)", 1, 1, ("number",), numbers.unsigned),
    "min": Function("min(a, b)", 2, 20, (), _extreme("least")),
    "max": Function("max(a, b)", 2, 20, (), _extreme("greatest")),
    "coalesce": Function("coalesce(a, b)", 2, 20, (), _picked("coalesce")),
    "len": Function("len(text)", 1, 1, ("text",), _length),
    "lower": Function("lower(text)", 1, 1, ("text",), _lower),
    "upper": Function("upper(text)", 1, 1, ("text",), _upper),
    "contains": Function("contains(text, part)", 2, 2, ("text",), _found(lambda place: place > 0)),
    "startswith": Function(
        "startswith(text, part)", 2, 2, ("text",), _found(lambda place: place == 1)
    ),
    "year": Function("year(day)", 1, 1, DATED, _extract("year", 9999)),
    "month": Function("month(day)", 1, 1, DATED, _extract("month", 12)),
    "date": Function("date(moment)", 1, 1, ("date-time",), _date),
}
"""All that an expression can call."""


def call(name: str, arguments: Sequence[Value]) -> Value:
    """What a function gives. Raises Invalid with how it is used."""
    found = FUNCTIONS[name]
    if not found.fewest <= len(arguments) <= found.most:
        raise Invalid(f"{name} is used as {found.usage}")
    if found.kinds:
        for one in arguments:
            need(one, *found.kinds)
    return found.make(*arguments)
