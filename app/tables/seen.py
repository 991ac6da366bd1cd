"""A table as somebody sees it: the fields, and the conditions on its records, that their grants leave.

This is where rights become SQL. Whoever gets a table from the catalog gets it as they may see it; so lists,
counts, filters, forms, exports and history cannot ask for what is hidden: for them it is not there.

Grants add up. A field that one grant shows for all records is shown; one that is shown for some records
only is blank in the others, in the database already, so that nothing can be told by sorting or filtering.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from app import expressions
from app.errors import AppError, Invalid, NotFound
from app.expressions import AROUND, Refused
from app.extensions import db
from app.fields import Field
from app.models import Role as RoleModel
from app.permissions import Actor, Grant, Role, grants, may, roles_of
from app.tables import formulas
from app.tables.live import Live
from app.tables.table import SYSTEM, Table

GONE = "There is no such record. It may have been deleted; its history still has it."
MOST_KEPT = 200
WRITING = {"create", "update", "delete", "restore", "import"}
SHOWING = {"list", "read"}
"""The actions whose grants say which fields are seen."""


def of(actor: Actor | None, live: Live, action: str = "list") -> Live:
    """A table as this actor sees it who is about to do this; the table itself where nothing is hidden."""
    if actor is None or actor.admin:
        return live.whole
    found = grants(actor, live.whole.table)
    if all(one.whole for one in found):
        return live.whole
    return _kept(live.whole, found, action, _asker(actor, live.whole, found))


def _asker(actor: Actor, live: Live, found: Iterable[Grant]) -> dict[str, Any]:
    """What the rules want to know besides the record: of the person, and of the clock."""
    rules = [rule for one in found if (rule := _read(live, one.rule)) is not None]
    return asker(actor, *rules)


def asker(actor: Actor, *rules: formulas.Read) -> dict[str, Any]:
    """The values of the names that these rules use of the person who asks, and of the clock."""
    wanted = {name for one in rules for name in one.expression.uses} & AROUND.keys()
    if not wanted:
        return {}
    roles = tuple(one.name for one in roles_of(actor)) if "me.roles" in wanted else ()
    values = expressions.around(actor, roles)
    return {name: values[name] for name in sorted(wanted)}


def _kept(live: Live, found: tuple[Grant, ...], action: str, asker: Mapping[str, Any]) -> Seen:
    """The table as these grants show it; kept with the table, with the statements that are made of it."""
    known: dict[Any, Seen] = live.memo.setdefault("seen", {})
    key = found, action, tuple(asker.items())
    made = known.get(key)
    if made is None:
        if len(known) >= MOST_KEPT:
            known.clear()
        made = known[key] = Seen(live, found, action, asker)
    return made


class Seen(Live):
    """A table as some grants show it to somebody who is about to do something with it.

    `asker` has the values that the rules of the grants want to know besides those of a record.
    """

    def __init__(
        self, whole: Live, found: tuple[Grant, ...], action: str, asker: Mapping[str, Any],
        record_id: int | None = None,
    ) -> None:  # fmt: skip
        self.grants, self.action, self.asker, self.record_id = found, action, asker, record_id
        self.declared, self.sql, self.written = whole.declared, whole.sql, whole.written
        self.memo: dict[Any, Any] = {}
        self._whole = whole
        self.table = self._projected(whole.table)

    @property
    def whole(self) -> Live:
        return self._whole

    @cached_property
    def model(self) -> type[Any]:
        return self._whole.model

    @cached_property
    def lists(self) -> dict[str, sa.Table]:
        return self._whole.lists

    @cached_property
    def links(self) -> dict[Field, int]:
        seen = {one.id for one in self.table.fields}
        return {one: id for one, id in self._whole.links.items() if one.id in seen}

    @cached_property
    def reads_others(self) -> bool:
        """Whether it changes when another table does; by a rule too, or as the clock goes on."""
        rules = [rule for one in self.grants if (rule := _read(self._whole, one.rule)) is not None]
        used = [one for rule in rules for one in rule.uses.values()]
        return self._whole.reads_others or any(one.type.reads_others for one in used)

    def other(self, table_id: int) -> Live:
        return self._whole.other(table_id)

    # Fields

    def _projected(self, table: Table) -> Table:
        """The table without what is hidden."""
        seen = tuple(one for one in table.fields if self._showing(one))
        names = {one.name for one in (*seen, *SYSTEM)}
        fixed = tuple(one.name for one in seen if not self._is_writable(one))

        def still(chosen: Sequence[str]) -> tuple[str, ...]:
            return tuple(one for one in chosen if one.removeprefix("-") in names)

        return replace(
            table, fields=seen, title=table.title if table.title in names else "",
            list_display=still(table.list_display), ordering=still(table.ordering),
            search_fields=still(table.search_fields),
            readonly_fields=tuple({*still(table.readonly_fields), *fixed}),
            granted=None if self.record_id is None else self.grants,
        )  # fmt: skip

    def _showing(self, field: Field) -> list[Grant]:
        """The grants that show a field."""
        return [one for one in self.grants if one.actions & SHOWING and field.id not in one.hidden]

    def _is_writable(self, field: Field) -> bool:
        wanted = self.action if self.action in WRITING else "update"
        return any(
            wanted in one.actions and field.id not in one.hidden | one.readonly
            for one in self.grants
        )

    @cached_property
    def partly(self) -> frozenset[str]:  # type: ignore[override]
        """The names of the fields that are seen in some of the records only."""
        if self.record_id is not None:
            return frozenset()
        reading = [one for one in self.grants if one.actions & SHOWING]
        fields = self.table.fields
        return frozenset(one.name for one in fields if len(self._showing(one)) < len(reading))

    @cached_property
    def columns(self) -> dict[str, sa.ColumnElement[Any]]:
        """What a select has for each field: nothing of a record for which the field is hidden."""
        all_of_them, seen = self._whole.columns, self.table.by_name
        return {name: self._masked(name, one) for name, one in all_of_them.items() if name in seen}

    def _masked(self, name: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        if name not in self.partly:
            return column
        field = self.table.by_name[name]
        for shown in self.shown(field):
            column = field.type.only_where(column, shown)
        return column

    def shown(self, field: Field) -> tuple[sa.ColumnElement[bool], ...]:
        rules = self._conditions(self._showing(field)) if field.name in self.partly else None
        return () if rules is None else (sa.or_(sa.false(), *rules),)

    # Records

    def rows(self, action: str) -> tuple[sa.ColumnElement[bool], ...]:
        kept = "rows", action
        if kept not in self.memo:
            rules = self.rules(action)
            self.memo[kept] = (sa.or_(sa.false(), *rules),) if rules is not None else ()
        found: tuple[sa.ColumnElement[bool], ...] = self.memo[kept]
        return found

    def rules(self, action: str) -> list[sa.ColumnElement[bool]] | None:
        return self._conditions(one for one in self.grants if action in one.actions)

    def _conditions(self, found: Iterable[Grant]) -> list[sa.ColumnElement[bool]] | None:
        rules = dict.fromkeys(one.rule for one in found)
        return None if "" in rules else [self.condition(one) for one in rules]

    def condition(self, rule: str, values: Mapping[str, Any] | None = None) -> Any:
        """A rule as SQL; over these values of a record where they are given. False where it cannot be read."""
        found = _read(self._whole, rule)
        if found is None:
            return sa.false()
        columns = values
        if columns is None:
            columns = {
                name: one.type.expression(one, self._whole) for name, one in found.uses.items()
            }
        try:
            return found.expression.rule({**columns, **self.asker})
        except KeyError:  # a record that is gone has no linked records, nor what is worked out
            return sa.false()

    def of_record(self, record_id: int) -> Live:
        if self.record_id is not None:
            return self
        query = sa.select(*self._holding(None)).where(self.sql.c.id == record_id)
        held = db.session.connection().execute(query).first() if 0 < record_id < 2**31 else None
        if held is None:
            raise NotFound(GONE)
        return self._narrowed(held, record_id)

    def of_values(self, values: Mapping[str, Any]) -> Live:
        """The same for a record that is not in the database, by its values."""
        held = db.session.connection().execute(sa.select(*self._holding(values))).one()
        return self._narrowed(held, 0)

    def _texts(self) -> list[str]:
        return [*dict.fromkeys(one.rule for one in self.grants if one.rule)]

    def _holding(self, values: Mapping[str, Any] | None) -> list[sa.ColumnElement[Any]]:
        rules = [self.condition(one, values) for one in self._texts()]
        return [sa.literal(1), *(sa.case((one, 1), else_=0) for one in rules)]

    def _narrowed(self, held: Sequence[Any], record_id: int) -> Seen:
        met = {"", *(rule for rule, holds in zip(self._texts(), held[1:], strict=True) if holds)}
        found = tuple(one for one in self.grants if one.rule in met)
        if not any(one.actions & SHOWING for one in found):
            raise NotFound(GONE)
        return Seen(self._whole, found, self.action, self.asker, record_id)


# Rules -----------------------------------------------------------------------------------------


def rule(live: Live, text: str) -> formulas.Read:
    """A rule of a table, read. Raises Refused, and AppError where it is over what cannot be found."""
    found = formulas.read(text, live.whole, AROUND)
    if found.expression.value.kind != "yes-no":
        noun = found.expression.field.type.noun
        raise Refused(f"This gives {noun}; a rule is a condition, as in owner == me", 1)
    return found


def _read(live: Live, text: str) -> formulas.Read | None:
    """The same, kept with the table; None for no rule, and for one that cannot be read any more: it
    is met by nothing."""
    if not text:
        return None
    kept = "rule", text
    if kept not in live.memo:
        live.memo[kept] = None
        with suppress(AppError):
            live.memo[kept] = rule(live, text)
    found: formulas.Read | None = live.memo[kept]
    return found


def names_in(live: Live, text: str) -> set[str]:
    """The fields of a table that one of its rules compares; none of one that cannot be read."""
    found = _read(live.whole, text)
    return {name.partition(".")[0] for name in found.uses} if found else set()


def may_see(actor: Actor, live: Live, ids: Iterable[int]) -> set[int]:
    """Those of these records that the actor may see in a list."""
    wanted = {*ids}
    if not wanted or not may(actor, "list", live.table):
        return set()
    live = of(actor, live)
    query = sa.select(live.sql.c.id).where(live.sql.c.id.in_(wanted), *live.rows("list"))
    return set(db.session.connection().scalars(query))


def check_rules(changed: Iterable[Live]) -> None:
    """Raise Invalid where the rule of a role could not be read any more."""
    tables = {one.declared.id: one for one in changed}
    for role in map(Role.of, db.session.scalars(sa.select(RoleModel))):
        for one in role.grants:
            if one.rule and one.table in tables:
                try:
                    rule(tables[one.table], one.rule)
                except AppError as error:
                    words = (
                        f"The role {role.name} has the rule {one.rule}, which could not be read: "
                        f"{str(error).rstrip('.')}. Change that rule first"
                    )
                    raise Invalid(words, [("fields", words)]) from None
