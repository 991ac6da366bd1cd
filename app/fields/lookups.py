"""Lookups: what a field can be filtered by. Each is words for the caption, a function that builds the
SQL condition, and one that reads the texts of an address. Each type lists its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.errors import Invalid

if TYPE_CHECKING:
    from app.fields.base import Field

Condition = sa.ColumnElement[bool]
LONGEST, MOST = 200, 100
"""Characters of a text that is looked for inside others, and values of one filter."""


Read = Callable[["Field", Sequence[str]], Any]
"""Reads the texts of an address as the operand of a condition."""
Schema = dict[str, Any]


def takes(schema: Callable[[Field], Schema]) -> Callable[[Read], Read]:
    """Declare the JSON Schema of what a function reads; it is kept beside the function."""

    def declare(read: Read) -> Read:
        read.schema = schema  # type: ignore[attr-defined]
        return read

    return declare


def value(field: Field) -> Schema:
    """The JSON Schema of a value in an address, where several in one are a text."""
    found = field.type.json(field)
    return {"type": "string", "minLength": 1} if found["type"] == "array" else found


def value_or_blank(field: Field) -> Schema:
    """The same where an empty text asks for what is blank."""
    return {"anyOf": [value(field), {"const": ""}]}


def values(field: Field) -> Schema:
    """Several of them."""
    return {"type": "array", "items": value_or_blank(field), "maxItems": MOST}


@takes(value_or_blank)
def one(field: Field, texts: Sequence[str]) -> Any:
    """One value; None asks for what is blank."""
    if len(texts) != 1:
        raise field.refusal("takes one value here; for several use the lookup in")
    return field.type.parse(texts[0], field)


@takes(values)
def several(field: Field, texts: Sequence[str]) -> Any:
    """Different values, None among them."""
    different = dict.fromkeys(texts)
    if len(different) > MOST:
        raise too_many(field)
    return [_one_of_several(field, text) for text in different]


def _one_of_several(field: Field, text: str) -> Any:
    try:
        return field.type.parse(text, field)
    except Invalid as error:
        if "," not in text:
            raise
        raise field.refusal(
            f"takes one value each time; for several {field.name}__in is repeated"
        ) from error


def too_many(field: Field) -> Exception:
    """The refusal of more values than a statement has room for."""
    return field.refusal(f"takes up to {MOST} values here")


@takes(value)
def filled(field: Field, texts: Sequence[str]) -> Any:
    """One value that is not blank."""
    value = one(field, texts)
    if value is None:
        raise field.refusal("needs a value here; for blank ones use the lookup isblank")
    return value


@takes(lambda field: {"type": "boolean"})
def flag(field: Field, texts: Sequence[str]) -> bool:
    """`true` or `false`."""
    if list(texts) not in (["true"], ["false"]):
        raise field.refusal("takes true or false here")
    return texts[0] == "true"


def whole(low: int, high: int) -> Read:
    """A function that reads one whole number in this range."""

    @takes(lambda field: {"type": "integer", "minimum": low, "maximum": high})
    def read(field: Field, texts: Sequence[str]) -> int:
        text = texts[0] if len(texts) == 1 else ""
        if not (text.isascii() and text.isdigit() and len(text) < 5 and low <= int(text) <= high):
            raise field.refusal(f"takes a number from {low} to {high} here")
        return int(text)

    return read


class Lookup(NamedTuple):
    """`words` stand between label and value; `build` makes the condition of a column and an operand."""

    words: str
    build: Callable[[Any, Any], Condition]
    read: Read = one

    def schema(self, field: Field) -> Schema:
        """The JSON Schema of what an address may have for it."""
        found: Schema = self.read.schema(field)  # type: ignore[attr-defined]
        return found


def exact(column: Any, value: Any) -> Condition:
    """The value, or what is blank."""
    return isblank(column, True) if value is None else column == value


def is_not(column: Any, value: Any) -> Condition:
    """Also what is blank, unless blank is what is not wanted."""
    return isblank(column, False) if value is None else column.is_distinct_from(value)


def is_in(column: Any, values: list[Any]) -> Condition:
    """One of the values, or what is blank if that is among them."""
    found: Condition = column.in_([value for value in values if value is not None])
    return sa.or_(found, column.is_(None)) if None in values else found


def isblank(column: Any, wanted: bool) -> Condition:
    """There is no value, or there is one."""
    blank: Condition = column.is_(None)
    return blank if wanted else sa.not_(blank)


EVERY: Mapping[str, Lookup] = {
    "exact": Lookup("is", exact),
    "not": Lookup("is not", is_not),
    "isblank": Lookup("is blank", isblank, flag),
}
SEVERAL: Mapping[str, Lookup] = {"in": Lookup("is one of", is_in, several)}
RANGE: Mapping[str, Lookup] = {
    "gt": Lookup("is more than", lambda column, value: column > value, filled),
    "gte": Lookup("is at least", lambda column, value: column >= value, filled),
    "lt": Lookup("is less than", lambda column, value: column < value, filled),
    "lte": Lookup("is at most", lambda column, value: column <= value, filled),
}


# Text ------------------------------------------------------------------------------------------


class folded(FunctionElement[str]):
    """A text as a search sees it: small letters, in every alphabet, whatever the database's locale."""

    inherit_cache = True
    type = sa.String()


@compiles(folded)
def _folded(element: Any, compiler: Any, **options: Any) -> str:
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "und-x-icu")'


@compiles(folded, "sqlite")
def _folded_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"  # app.database brings Python's


class ordered(FunctionElement[str]):
    """A text as a list is sorted: by code points, capitals A to Z as small letters."""

    inherit_cache = True
    type = sa.String()


@compiles(ordered)
def _ordered(element: Any, compiler: Any, **options: Any) -> str:
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "C")'


@compiles(ordered, "sqlite")
def _ordered_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} COLLATE NOCASE)"


CAPITALS = {ord(one): one.lower() for one in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def rank(value: str) -> str:
    """What Python sorts by, to give the order of `ordered`."""
    return value.translate(CAPITALS)


def contains(column: Any, value: str) -> Condition:
    """The text occurs, whatever its capitals; every character of it means itself."""
    return folded(column).contains(value.lower(), autoescape=True)


def startswith(column: Any, value: str) -> Condition:
    """The same at the beginning."""
    return folded(column).startswith(value.lower(), autoescape=True)


def where(field: Field, column: Any, lookup: str, texts: Sequence[str]) -> Condition:
    """The condition of `<field>__<lookup>=<text>`. Raises Invalid where the lookup or a text is wrong."""
    found = field.type.lookups.get(lookup)
    if found is None:
        names = ", ".join(field.type.lookups)
        asked = lookup[:40] or "a lookup without a name"
        raise field.refusal(f"cannot be filtered by {asked}; what works is {names}")
    return found.build(wide(column), found.read(field, texts))


def wide(column: Any) -> Any:
    """The column; of whole numbers so that it can be compared with any, also with those too large for it."""
    return sa.type_coerce(column, sa.BigInteger) if isinstance(column.type, sa.Integer) else column
