"""Formulas: fields that are worked out of others by an expression."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from app import clock, expressions
from app.errors import Invalid
from app.expressions import CLOCK, Expression, Refused
from app.fields import TYPES, Field
from app.fields.base import setting
from app.fields.text import LongText
from app.tables.derived import Derived, Path, cost, giving, register

TODAY = {"today": CLOCK["today"]}
"""What a formula may use besides fields. Not `now`: a page and the next would not fit together."""


class Read(NamedTuple):
    """An expression that has been read, and what it takes with the fields that it builds on."""

    expression: Expression
    uses: dict[str, Field]
    cost: tuple[int, int]


class Formula(Derived):
    """A field worked out of others of the table, and of linked records as in `customer.name`."""

    name = "formula"
    accepts = (
        "Nothing: it is worked out of the other fields, as in quantity * price. What comes out is shown, "
        "sorted and filtered by as a field of its type."
    )
    settings = (
        setting(
            "expression", "Formula", LongText(), required=True,
            help='Such as quantity * price, due - today, or "late" if due < today else "fine".',
        ),
    )  # fmt: skip

    def resolved(self, field: Field, live: Any, path: Path = frozenset()) -> Field:
        found = self._read(field, live, self.step(field, live, path))
        kind, options = found.expression.field.type, found.expression.field.options
        others = any(one.type.reads_others for one in found.uses.values())
        options = {**options, "expression": found.expression.text, "cost": found.cost}
        return replace(field, type=giving(Formula, kind, others), options=options)

    def through(self, field: Field) -> Collection[str]:
        try:
            names = expressions.mentioned(_text(field))
        except Refused:  # said where it is read
            return ()
        return {name.partition(".")[0] for name in names if "." in name}

    def expression(self, field: Field, live: Any) -> sa.ColumnElement[Any]:
        found = self._read(field, live)
        # statements are kept: so the day is asked for when one runs
        today = sa.bindparam(None, callable_=clock.today, type_=sa.Date())
        columns = {name: one.type.expression(one, live) for name, one in found.uses.items()}
        return found.expression.sql({"today": today, **columns})

    def _read(self, field: Field, live: Any, path: Path = frozenset()) -> Read:
        """What the field says in this table; kept with the table. Raises AppError."""
        kept = "formula", field.name
        if kept not in live.memo:
            try:
                live.memo[kept] = self._read_anew(field, live, path)
            except Refused as error:
                words = f"{field.label} cannot be worked out. {error}"
                raise Invalid(words, [(f"{field.name}__expression", words)]) from None
        found: Read = live.memo[kept]
        return found

    def _read_anew(self, field: Field, live: Any, path: Path) -> Read:
        found = read(_text(field), live, TODAY, path)
        if found.expression.value.kind == "link":
            raise Refused("This gives a link; take a field of it, as in customer.name", 1)
        return found


def read(text: str, live: Any, around: Mapping[str, Field], path: Path = frozenset()) -> Read:
    """An expression over the fields of a table and of the records that these link to. Raises AppError."""
    names = expressions.mentioned(text) - around.keys()
    known = {name: one for name in names if (one := _named(name, live, text, path))}
    found = expressions.parse(text, {**live.declared.by_name, **known}, around)
    uses = {name: one for name, one in known.items() if name in found.uses}
    costs = {name: cost(one) for name, one in uses.items()}
    return Read(found, uses, expressions.together(found, costs))


def _text(field: Field) -> str:
    return str(field.options.get("expression", ""))


def _named(name: str, live: Any, text: str, path: Path) -> Field | None:
    """The field of this name, or the one of a linked record that `link.field` is; None where there is
    none. Raises AppError where it cannot be read."""
    link, _, rest = name.partition(".")
    if link not in live.declared.by_name or not rest:
        return live.field(name, path) if name in live.declared.by_name else None
    there = Field(name, name, name, TYPES["lookup"], options={"link": link, "field": rest})
    try:
        return there.type.resolved(there, live, path)
    except Invalid as error:
        raise Refused(str(error), text.find(name) + 1) from None


register(Formula)
