"""Fields that are worked out whenever they are read: what formulas, lookups and rollups have in common.

Declared is where the values come from. A field that has been read is one of the type of its values, with
that one's options besides: so it is shown, sorted, filtered and exported as any field of that type.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, ClassVar

import sqlalchemy as sa
from markupsafe import Markup

from app import fields
from app.fields import Field, FieldType, Guess
from app.fields.text import Text

Path = frozenset[tuple[int, str]]
"""The fields that are being read, by the id of the table and the name."""
MOST_STEPS = 40
"""Fields that are read one through the other, at the very most; what they cost ends it earlier."""
TOO_FAR = "goes through too many other fields that are worked out; read what those read"


class Derived(FieldType):
    """A field that is worked out, whatever the type of its values."""

    writable, alone, names_records, variants, usual = False, False, False, {}, {}
    given = False  # also where its values are numbers that the app gives to others
    values: FieldType
    """The type of its values, once that is found."""

    def column(self, field: Field) -> sa.Column[Any] | None:
        return None

    def claims(self, column: sa.Column[Any]) -> dict[str, Any] | None:
        return None

    def takes(self, source: Field, field: Field) -> bool:
        return isinstance(source.type, Derived)  # nothing is stored

    def guess(self, texts: Collection[str], name: str) -> list[Guess]:
        return []

    def declared(self, field: Field) -> dict[str, Any]:
        known = {one.name for one in self.settings}
        return {name: one for name, one in field.options.items() if name in known}

    def step(self, field: Field, live: Any, path: Path) -> Path:
        """The path that goes on from this field. Raises Invalid where it has come round in a circle."""
        step = live.declared.id, field.name
        if step in path:
            raise field.refusal("is worked out of itself, round in a circle")
        if len(path) >= MOST_STEPS:
            raise field.refusal(TOO_FAR)
        return path | {step}


def cost(read: Field) -> tuple[int, int]:
    """What a statement takes for a field that has been read, as `expressions.together` counts it."""
    found: tuple[int, int] = read.options.get("cost", (0, 0))
    return found


class Unread:
    """A field that cannot be worked out, or not any more: it stays as it is declared, and says so."""

    noun = "a field that is worked out"
    lookups: ClassVar[Mapping[str, Any]] = {}

    def expression(self, field: Field, live: Any) -> sa.ColumnElement[Any]:
        return sa.cast(sa.null(), sa.String())

    def cell(self, value: Any, field: Field) -> Markup:
        return Markup("cannot be worked out")


def register(*kinds: type[Derived]) -> None:
    """Let fields be declared of these types."""
    fields.register(*(type(one.__name__, (Unread, one, Text), {})() for one in kinds))


def giving(base: Any, found: FieldType, reads_others: bool = True) -> FieldType:
    """The type of the fields of this base whose values are of the type that was found."""
    return _giving(base, found.values if isinstance(found, Derived) else found, reads_others)


@cache
def _giving(base: Any, values: FieldType, reads_others: bool) -> FieldType:
    made: Derived = type(base.__name__, (base, type(values)), {"reads_others": reads_others})()
    made.values = values
    return made
