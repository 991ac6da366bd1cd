"""What a change comes to: what becomes of each column and value, and how the table is declared then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from app.errors import Invalid
from app.extensions import utcnow
from app.fields import Field
from app.fields.names import bare, field_name
from app.permissions import Actor
from app.tables.changing.columns import NEW, kind
from app.tables.changing.comparing import CONVERTS, FREE, Step, compare, new_id, sources, wanted
from app.tables.changing.examining import BLOCKED, FILL, KEEP, Becoming, Fit
from app.tables.live import Live
from app.tables.table import Dropped, Table


class Plan:
    """A change that an actor makes of a table: what becomes of its columns, and how it is declared then.

    `converted` has the fields that get a new column, as they were and as they will be, by id, and
    `before` the fields that the old columns are from then on.
    """

    def __init__(self, actor: Actor, live: Live, new: Table, choices: Mapping[str, str]) -> None:
        self.live, self.old, self.new = live, live.table, wanted(live.table, new)
        self.choices = choices
        self.steps = compare(self.old, self.new)
        self.required = {one.new.id for one in self.steps if one.new and one.kind == "require"}
        self.converted = {
            one.new.id: (one.old, one.new)
            for one in self.steps
            if one.old and one.new and self._converts(one)
        }
        self.before: dict[str, Field] = {}
        for id, pair in self.converted.items():
            self.before[id] = self._before(*pair)
        self.become = {id: Becoming(actor, live, *pair) for id, pair in self.converted.items()}

    @property
    def slow(self) -> bool:
        """Whether it takes longer than a request may."""
        return bool(self.converted) or any(one.kind == "unique" and one.old for one in self.steps)

    def chosen(self, field: Field) -> str:
        """What to do with values that do not fit."""
        return self.choices.get(field.name, BLOCKED)

    def _converts(self, step: Step) -> bool:
        if step.kind == "require":
            return self.choices.get(step.field) == FILL
        return step.kind in CONVERTS and step.risk != FREE

    def _before(self, old: Field, new: Field) -> Field:
        old = replace(old, id=new_id(), required=False)
        if self.chosen(new) != KEEP:
            return old
        return beside(old, [*self.new.fields, *self.before.values()])

    @cached_property
    def fill(self) -> sa.Update:
        """The statement that fills the new columns of a `record`."""
        new = [sa.column(NEW + id, kind(one)) for id, (_old, one) in self.converted.items()]
        table = sa.table(self.live.sql.name, sa.column("id", sa.Integer), *new)
        return sa.update(table).where(table.c.id == sa.bindparam("record"))

    def moves(self) -> Iterator[tuple[str, str]]:
        """The columns that get another name."""
        columns = {id: column for id, (column, _field) in sources(self.old).items()}
        for one in self.new.fields:
            if one.id in self.converted:
                before = self.before[one.id]
                kept = self.chosen(one) == KEEP
                yield columns[one.id], before.name if kept else Dropped(before, "").column
                yield NEW + one.id, one.name
            elif columns.get(one.id, one.name) != one.name and one.type.column(one) is not None:
                yield columns[one.id], one.name
        yield from (
            (one.name, Dropped(one, "").column) for one in self._gone() if not one.type.many
        )

    def _gone(self) -> list[Field]:
        """What is dropped and kept for a while; what is worked out has nothing to keep."""
        dropped = [one.old for one in self.steps if one.kind == "drop" and one.old]
        return [one for one in dropped if one.type.column(one) is not None or one.type.many]

    def table(self) -> Table:
        """How it is declared in the end."""
        now, ids, fields = utcnow().isoformat(), {one.id for one in self.new.fields}, list[Field]()
        gone = self._gone()
        for one in self.new.fields:
            fields.append(replace(one, options=_settled(one.options)))
            if one.id in self.before:
                (fields if self.chosen(one) == KEEP else gone).append(self.before[one.id])
        dropped = [one for one in self.old.dropped if one.field.id not in ids]
        dropped += [Dropped(one, now) for one in gone]
        return replace(self.new, fields=tuple(fields), dropped=tuple(dropped))

    def value(self, id: str, row: Any, fit: Fit) -> Any:
        """What a record gets in a new column. Raises Invalid where nobody has said what."""
        one = self.converted[id][1]
        if fit.value is not None or not (fit.outcome == "misfits" or id in self.required):
            return fit.value
        if self.chosen(one) == BLOCKED:
            words = fit.new or f"{one.label} must not be empty"
            raise Invalid(errors=[(one.name, f"Record {row['id']:,}: {words}")])
        return one.type.parse(one.default, one) if self.chosen(one) == FILL else None


def _settled(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without what is said of a change only."""
    return {name: one for name, one in options.items() if name != "renamed"}


def beside(old: Field, fields: Sequence[Field]) -> Field:
    """A field that has been, beside the one that took its place."""
    label, number = f"{old.label} (before)", 1
    while any(bare(one.label) == bare(label) for one in fields):
        number += 1
        label = f"{old.label} (before {number})"
    return replace(old, name=field_name(label, [one.name for one in fields]), label=label)
