"""What the parts of an expression are: a type, and how SQL is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

import sqlalchemy as sa

from app import fields
from app.errors import Invalid
from app.fields import Field
from app.fields.choice import Choice
from app.fields.number import LIMIT, Number
from app.fields.text import LongText, Text

Columns = Mapping[str, Any]
Build = Callable[[Columns], Any]

KINDS: Mapping[str, tuple[type | None, str, str]] = {
    "number": (None, "a number", "another number, like 12.50"),
    "text": (str, "a text", 'another text, like "blue"'),
    "date": (date, "a date", 'another date, today, or a text like "2026-12-24"'),
    "date-time": (datetime, "a date and time", "another one or now; date(…) makes a date of it"),
    "time": (time, "a time", 'another time, or a text like "18:30"'),
    "yes-no": (bool, "yes or no", "another yes or no, True or False"),
    "link": (int, "a link", "me, or another link to the same"),
    "texts": (list, "a list of texts", "in: a text in the list"),
    "empty": (None, "empty", "a value"),
}
"""What can be compared with one another: the class of its types' values, what one is, and what goes with
it. A whole number that is no `Number` is the id of a record or person."""


@dataclass(frozen=True)
class Value:
    """A part of an expression. `field` says as what its value can be stored; `build` makes the SQL.

    `literal` is the value of a constant. A `leaf` is a column as it is, and `raw` that column where
    `build` makes blank texts NULL. `filled` is never NULL. Of a number, `scale` is the number of
    decimals on the way, which may be more than are stored, and `bound` the most units of the last of
    them that it can be; of a text, `bound` is the most characters.
    """

    field: Field
    build: Build
    label: str = "This"
    kind: str = "yes-no"
    literal: Any = None
    leaf: bool = False
    filled: bool = False
    raw: Build | None = None
    scale: int = 0
    bound: int = LIMIT

    def __str__(self) -> str:
        return f"{self.label} is {KINDS[self.kind][1]}"


def made(word: str, **options: Any) -> Field:
    """A field of the type that the word means, for what an expression gives."""
    kind, implied = fields.named(word)
    return Field("value", "value", "The result", kind, options={**implied, **options})


def sql_type(field: Field) -> sa.types.TypeEngine[Any]:
    """The SQL type of the field's values."""
    return field.type.sql_type(field)


def value(field: Field, build: Build, **more: Any) -> Value:
    """A value of what this field holds. Raises Invalid where an expression cannot use its type."""
    if isinstance(field.type, Number):
        return Value(field, build, kind="number", **more)
    for kind, (python, *_) in KINDS.items():
        if field.type.python is python:
            return Value(field, build, kind=kind, **more)
    raise field.refusal("cannot be used in an expression")


def column(name: str, field: Field, filled: bool) -> Value:
    """What stands under a name."""
    raw: Build = lambda columns: columns[name]  # noqa: E731
    found = value(field, raw, label=field.label, leaf=True, filled=filled)
    if isinstance(field.type, Number):
        return replace(found, scale=field.type.scale(field))
    if found.kind != "text":
        return found
    longest = field.type.longest(field) if isinstance(field.type, Text) else 255
    if isinstance(field.type, LongText):
        longest = max(longest, LONGEST_LINE + 1)  # it may be short, but has several lines
    build: Build = lambda columns: sa.func.nullif(raw(columns), "", type_=sa.String())  # noqa: E731
    return replace(found, build=build, raw=raw, bound=longest)


def literal(constant: Any, field: Field, label: str) -> Value:
    """A constant; it becomes a bound value, so that the statement of another constant is the same."""
    build: Build = lambda _: sa.literal(constant, sql_type(field))  # noqa: E731
    longest = len(constant) if isinstance(constant, str) else 0
    return value(field, build, label=label, literal=constant, filled=True, bound=longest)


LONGEST_LINE = 2_000
"""Characters; what may be longer is a long text."""


def text(build: Build, longest: int) -> Value:
    """A text made of others; long where it may have more than any line has."""
    field = made("long-text" if longest > LONGEST_LINE else "text", max=longest)
    return Value(field, build, kind="text", bound=longest)


def yes_no(build: Build, filled: bool) -> Value:
    """A condition."""
    return Value(made("yes-no"), build, filled=filled)


def need(one: Value, *kinds: str) -> Value:
    """The value, if it is of one of these kinds. Raises Invalid."""
    if one.kind not in kinds:
        raise Invalid(f"{one}; here stands {' or '.join(KINDS[kind][1] for kind in kinds)}")
    return one


def alike(values: Sequence[Value]) -> list[Value]:
    """The values as values of one kind: a text in quotes beside a date is read as one, None is a blank
    of the others' kind. Raises Invalid with the cure."""
    filled = [one for one in values if one.kind != "empty"]
    if not filled:
        raise Invalid("Only None stands here; one side needs a value")
    model = next((one for one in filled if not isinstance(one.literal, str)), filled[0])
    return [one if one.kind == model.kind else _as(one, model) for one in values]


def _as(one: Value, model: Value) -> Value:
    if one.kind == "empty":
        blank: Build = lambda _: sa.literal(None, sql_type(model.field))  # noqa: E731
        return replace(model, build=blank, leaf=False, filled=False, raw=None, literal=None)
    if isinstance(one.literal, str) and model.kind in ("date", "date-time", "time"):
        read = model.field.type.parse(one.literal, model.field)
        return literal(read, model.field, one.label)
    if {one.kind, model.kind} == {"link", "number"} and one.scale == model.scale == 0:
        return one  # a written model may keep the id of a person in a plain column
    raise Invalid(f"{model} and {one}; what goes with {model.label} is {KINDS[model.kind][2]}")


def check_text(one: Value, other: Value) -> Value:
    """`one`, compared with `other`. Raises Invalid for a text that is none of its choices, or blank."""
    if isinstance(one.literal, str) and isinstance(other.field.type, Choice):
        other.field.type.parse(one.literal, other.field)
    if one.literal == "":
        raise Invalid(f"{other.label} is never an empty text; write is None")
    return one
