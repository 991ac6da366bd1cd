"""Exact arithmetic in SQL. Nothing passes through a binary float, and nothing is cut off on the way.

PostgreSQL works on NUMERIC, which is as long as it must be. SQLite works on whole numbers of the last
decimal's unit; the compiler keeps count of the decimals, and of how large a number can be: what might
not fit into 64 bits goes through the function `exact`.

Sums and products are exact. A quotient has 12 decimals on the way, by 0 it is empty. What comes out has
at most 6 decimals, or as many as a number in it has, or as `round` says, rounded half up (away from
zero); an amount keeps the decimals of its amounts. More than 15 digits are no value: empty.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.errors import Invalid
from app.expressions.sql import FIT, WHOLE, Wide, piece
from app.expressions.values import Build, Columns, Value, literal, made, replace, sql_type, value
from app.fields import Field
from app.fields.number import DIGITS, LIMIT, Money, Number

STORED, ON_THE_WAY, SHOWN = 6, 12, 2
"""Decimals of a result, unless more are asked for, of a quotient while it is worked with, and those that
are shown when they are 0."""


def constant(number: Decimal) -> Value:
    """A number as it is written in an expression, of up to 15 digits. Raises Invalid."""
    _, digits, exponent = number.as_tuple()
    scale = -int(exponent)
    if max(len(digits), scale) > DIGITS:
        raise Invalid(f"A number has up to {DIGITS} digits; this has {max(len(digits), scale)}")
    bound = abs(int(number.scaleb(scale)))
    exact: Any = number if scale else int(number)
    return replace(literal(exact, _field(scale), f"{number:f}"), scale=scale, bound=bound)


def whole(build: Build, bound: int) -> Value:
    """A whole number, of up to `bound`, that a function of SQL gives."""
    return value(made("integer"), lambda c: sa.cast(build(c), WHOLE), bound=bound)


def _field(scale: int, currency: str = "") -> Field:
    if currency:
        return made("money", currency=currency, scale=scale)
    if scale > SHOWN:
        return made("decimal", scale=scale, shown=SHOWN)
    return made("decimal", scale=scale) if scale else made("integer")


def shown(one: Value) -> int:
    """The decimals with which a number is stored."""
    return one.field.type.scale(one.field) if isinstance(one.field.type, Number) else 0


def currency(one: Value) -> str:
    """That of an amount; empty for others."""
    return one.field.type.currency(one.field) if isinstance(one.field.type, Money) else ""


def result(scale: int, *parts: Value) -> Field:
    """The field of what is made of these numbers, with so many decimals on the way: an amount where one
    of them is. Raises Invalid for amounts in two currencies."""
    amounts = {currency(one): one for one in parts if currency(one)}
    if len(amounts) > 1:
        both = " and ".join(f"{one.label} is in {code}" for code, one in amounts.items())
        raise Invalid(f"{both}; amounts in two currencies do not go together")
    for code in amounts:
        return _field(max(shown(one) for one in parts if currency(one)), code)
    return _field(min(scale, max(STORED, *map(shown, parts))))


# The SQL of a number ---------------------------------------------------------------------------


def bound_at(one: Value, scale: int) -> int:
    """The bound in units of this scale, which is no smaller than the number's."""
    return int(one.bound * 10 ** (scale - one.scale))


def units(one: Value, columns: Columns, scale: int) -> Any:
    """The number with so many decimals, as arithmetic needs it."""
    if one.literal is not None:
        return sa.literal(one.literal, Wide(scale))
    found = one.build(columns)
    if one.leaf:  # PostgreSQL adds up whole numbers in 64 bits, unless it is told
        found = sa.cast(found, Wide(one.scale))
    return found if scale == one.scale else piece("finer", found, 10 ** (scale - one.scale))


def _side(one: Value, columns: Columns, scale: int) -> Any:
    """The same to be compared: a column stays as it is, for its index."""
    return one.build(columns) if one.scale == scale else units(one, columns, scale)


def sides(values: list[Value], columns: Columns, order: bool = False) -> list[Any]:
    """Numbers as SQL can compare them: for equality, or two of them for their order too."""
    scale = max(one.scale for one in values)
    found = [_side(one, columns, scale) for one in values]
    if order and max(bound_at(one, scale) for one in values) >= FIT:
        return [piece("compare", *found), sa.literal_column("0")]
    return found


def stored(one: Value, columns: Columns) -> Any:
    """The number as its field stores it, NULL where it has more than 15 digits."""
    if one.leaf:
        return one.build(columns)
    places = shown(one)
    last = round_to(one, places)
    found = units(last, columns, places)
    if last.bound >= LIMIT:
        limit = Decimal(LIMIT).scaleb(-places)
        ends = [sa.literal(end, Wide(places)) for end in (-limit, limit)]
        found = piece("within", found, *ends)
    return sa.cast(found, sql_type(one.field))


# Arithmetic ------------------------------------------------------------------------------------


def _worked(sign: str, one: Any, other: Any, bound: int) -> Any:
    """In SQL alone where it fits."""
    return one.op(sign, return_type=WHOLE)(other) if bound < FIT else piece(sign, one, other)


def added(sign: str, one: Value, other: Value) -> Value:
    """Sum and difference. Raises Invalid for amounts in two currencies."""
    scale = max(one.scale, other.scale)
    bound = bound_at(one, scale) + bound_at(other, scale)

    def build(c: Columns) -> Any:
        return _worked(sign, units(one, c, scale), units(other, c, scale), bound)

    return value(result(scale, one, other), build, scale=scale, bound=bound)


def multiplied(one: Value, other: Value) -> Value:
    """The product. Raises Invalid for two amounts."""
    if currency(one) and currency(other):
        raise Invalid(f"{one.label} and {other.label} are both amounts, and one has to be a number")
    scale, bound = one.scale + other.scale, max(one.bound, 1) * max(other.bound, 1)

    def build(c: Columns) -> Any:
        return _worked("*", units(one, c, one.scale), units(other, c, other.scale), bound)

    return value(result(scale, one, other), build, scale=scale, bound=bound)


def divided(one: Value, other: Value) -> Value:
    """The quotient; of two amounts it is a plain number. Raises Invalid.

    PostgreSQL rounds twice, first to so many decimals that only what lies exactly between two results
    seems to: a/b is no nearer to it than half a unit of the last decimal by b.
    """
    scale = max(ON_THE_WAY, one.scale)
    finer = 10 ** (scale - one.scale + other.scale)
    enough = len(str(other.bound)) + one.scale + scale + 2

    def build(c: Columns) -> Any:
        both = units(one, c, one.scale), units(other, c, other.scale)
        return piece("/", *both, finer, enough, scale)

    field = result(scale, one, other)
    if currency(other):
        field = _field(max(STORED, shown(one), shown(other)))
    return value(field, build, scale=scale, bound=one.bound * finer + 1)


def negated(one: Value) -> Value:
    """With the other sign."""
    if one.literal is not None:
        return constant(-Decimal(one.literal))
    return added("-", constant(Decimal(0)), one)


def unsigned(one: Value) -> Value:
    """Without a sign."""
    return replace(
        one, build=lambda c: piece("abs", units(one, c, one.scale)), leaf=False, literal=None
    )


def round_to(one: Value, places: int) -> Value:
    """Rounded half up, away from zero, to so many decimals."""
    less = 10 ** max(one.scale - places, 0)

    def build(c: Columns) -> Any:
        found = units(one, c, max(one.scale, places))
        return found if less == 1 else piece("round", found, less, places)

    bound = bound_at(one, max(one.scale, places)) // less + 1
    return value(_field(places, currency(one)), build, scale=places, bound=bound)


def chosen(values: list[Value], pick: Callable[[list[Any], Columns], Any]) -> Value:
    """One of these numbers, with the decimals of the finest; `pick` gets their SQL."""
    scale = max(one.scale for one in values)
    bound = max(bound_at(one, scale) for one in values)
    build: Build = lambda c: pick([units(one, c, scale) for one in values], c)  # noqa: E731
    return value(result(scale, *values), build, scale=scale, bound=bound)
