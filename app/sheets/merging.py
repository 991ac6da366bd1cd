"""Import into a table that is there: rows are compared by key, and only what differs is written.

A dry run does all but the writing, so its counts are those of the import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.errors import Invalid
from app.extensions import db
from app.fields import CANONICAL, FORM, Field
from app.fields.names import field_name
from app.permissions import Actor, require
from app.sheets.book import Book, Problem, Problems, open_book
from app.sheets.inspecting import inspect
from app.sheets.plan import Plan, word_of
from app.sheets.rows import Row, read_rows
from app.tables import links, records
from app.tables.live import Live

BLOCK = 500
MODES = {
    "add": "rows that are not there yet are added",
    "update": "rows that are there are changed",
    "both": "rows are added or changed",
    "mirror": "rows are added or changed, and what the file does not have is deleted",
}


@dataclass
class Counts:
    """What an import does, or would do. `reject` counts rows; `problems` lists why."""

    create: int = 0
    update: int = 0
    same: int = 0
    delete: int = 0
    reject: int = 0
    problems: Problems = field(default_factory=Problems)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        found = {
            name: getattr(self, name) for name in ("create", "update", "same", "delete", "reject")
        }
        return {**found, "problems": [one._asdict() for one in self.problems.listed]}


def merge(
    actor: Actor, live: Live, path: Path, keys: Sequence[str] = (), mode: str = "both",
    sheet: str | None = None, dry_run: bool = False, may_delete: float = 1.0,
) -> Counts:  # fmt: skip
    """Import a file into a table. Without keys its unique fields are the key; without any each row is
    new. Rows that cannot be stored are counted and left out. Raises Invalid, Forbidden.

    `may_delete` is the share of the records that `mirror` may delete; above it nothing is written.
    """
    require(actor, "import", live.table)
    if mode == "mirror":
        require(actor, "delete", live.table)
    with open_book(path) as book:
        plan, fields = _matched(book, live, sheet)
        read = [links.seen(actor, live, one) for one in fields]
        merging = _Merging(actor, live, fields, _keys(live, fields, keys, mode), mode)
        if not dry_run and mode == "mirror":
            merging.check_deletions(read_rows(book, plan, read), may_delete)
        merging.dry_run = dry_run
        merging.rows(read_rows(book, plan, read))
        if mode == "mirror":
            merging.delete_missing()
    return merging.counts


def _matched(book: Book, live: Live, sheet: str | None) -> tuple[Plan, list[Field]]:
    """How to read the file: each column goes to the field of its heading, and what an export had worked
    out is left out. Raises Invalid."""
    plan = inspect(book, book.sheet(sheet)).plan()
    by_label = {one.label.casefold(): one for one in live.table.fields}
    unknown = []
    for column in plan.columns:
        found = by_label.get(column.label.casefold()) or live.table.by_name.get(
            field_name(column.label)
        )
        if found is None or found not in live.table.written:
            column.include = False
            unknown += [] if found in live.table.fields else [column.label]
            continue
        known, _ = word_of(found.type, dict(found.options))
        usual = CANONICAL if live.target(found) is None else FORM
        column.name, column.notation = (
            found.name,
            column.notation if known == column.type else usual,
        )
    if unknown:
        known = ", ".join(one.label for one in live.table.written)
        raise Invalid(f"{live.table.label} has no {', '.join(unknown)}; it has {known}.")
    names = [one.name for one in plan.included()]
    return plan, [live.table.by_name[name] for name in names]


def _keys(live: Live, fields: Sequence[Field], keys: Sequence[str], mode: str) -> list[Field]:
    """The fields that rows are found by. Raises Invalid."""
    names = ", ".join(one.name for one in fields)
    there = {one.label.casefold(): one for one in fields} | {one.name: one for one in fields}
    if unknown := [name for name in keys if name.casefold() not in there]:
        words = f"{', '.join(unknown)} is no key: a field is meant, by its name or label"
        raise Invalid(f"{words}. The file has columns for {names}.")
    found = [there[name.casefold()] for name in keys] or [one for one in fields if one.unique][:1]
    if partly := [one.label for one in found if one.name in live.partly]:
        raise Invalid(f"{', '.join(partly)} is hidden from you in some records, so it is no key.")
    if not found and mode != "add":
        words = f"the field by which rows are found, one of {names}"
        raise Invalid(f"To {mode} rows, say with --key {words}.")
    return found


class _Merging:
    """Compares blocks of rows with what is there, and writes the difference."""

    def __init__(
        self, actor: Actor, live: Live, fields: Sequence[Field], keys: Sequence[Field], mode: str
    ) -> None:
        self.actor, self.live, self.fields, self.keys, self.mode = actor, live, fields, keys, mode
        self.counts, self.dry_run = Counts(), True
        self.seen: dict[Any, int] = {}
        self.places = [fields.index(one) for one in keys]
        unique = [one for one in fields if one.unique and list(keys) != [one]]
        self.used: dict[Field, set[Any]] = {one: set() for one in unique}
        self.hidden: dict[str, set[int]] = {}

    def rows(self, rows: Iterator[Row]) -> None:
        """Take all rows in."""
        while block := list(islice(rows, BLOCK)):
            good = [row for row in block if self._is_good(row)]
            there, held = self._there(good), {one: self._held(one, good) for one in self.used}
            creates: list[dict[str, Any]] = []
            updates: list[tuple[int, dict[str, Any]]] = []
            for row in good:
                record, *more = there.get(self._key(row), [None])
                if more:
                    self._refuse(row, f"{len(more) + 1:,} records of the table have this key")
                    continue
                values = dict(zip([one.name for one in self.fields], row.values, strict=True))
                if self._is_written(record) and self._refused(row, record, values, held):
                    continue
                self._sort(record, values, creates, updates)
            if not self.dry_run and (creates or updates):
                records.save_many(self.actor, self.live, creates, updates)

    def _is_written(self, record: Any) -> bool:
        """Whether the mode lets a row of this record, or of none yet, be written."""
        return self.mode != ("update" if record is None else "add")

    def _refused(self, row: Row, record: Any, values: dict[str, Any], held: Any) -> bool:
        """Whether the table has no room for the row: what another has already, what a new one lacks."""
        errors = [] if record is not None else list(self._lacking(row))
        errors += self._meddling(row, record, values)
        for one, used in self.used.items():
            value = values[one.name]
            holder = held[one].get(value, None if record is None else record.id)
            if value in used or holder != (None if record is None else record.id):
                text = one.type.text(value, one)
                errors.append(Problem(row.line, one.label, text, "another record has it already"))
        if not errors:
            for one, used in self.used.items():
                used |= {values[one.name], self._stored(record, one)} - {None}
        for error in errors:
            self.counts.problems.add(*error)
        self.counts.reject += bool(errors)
        return bool(errors)

    def _lacking(self, row: Row) -> Iterator[Problem]:
        for one in self.live.table.written:
            if one.required and not one.default and one not in self.fields:
                yield Problem(row.line, one.label, "", f"{one.label} must not be empty")

    def _meddling(self, row: Row, record: Any, values: dict[str, Any]) -> Iterator[Problem]:
        for one in self.fields:
            try:
                one.type.check_given(values[one.name], self._stored(record, one), one)
            except Invalid as error:
                text = one.type.text(values[one.name], one)
                yield Problem(row.line, one.label, text, str(error))

    def _held(self, field: Field, rows: Sequence[Row]) -> dict[Any, int]:
        """The records that have the unique values of these rows."""
        columns, place = self.live.columns, self.fields.index(field)
        values = {row.values[place] for row in rows} - {None}
        query = sa.select(columns[field.name], columns["id"]).where(columns[field.name].in_(values))
        return {value: record_id for value, record_id in db.session.execute(query)}

    def _sort(
        self, record: Any, values: dict[str, Any], creates: list[Any], updates: list[Any]
    ) -> None:
        if record is None:
            if self._is_written(None):
                creates.append(values)
                self.counts.create += 1
            return
        changed = {
            one.name: values[one.name]
            for one in self.fields
            if self._stored(record, one) != values[one.name]
        }
        if not changed or not self._is_written(record):
            self.counts.same += 1
        else:
            updates.append((record.id, changed))
            self.counts.update += 1

    def _stored(self, record: Any, field: Field) -> Any:
        """A value as the actor sees it: nothing where the field is hidden in this record."""
        hidden = self.hidden.get(field.name, ())
        return None if record is None or record.id in hidden else field.of(record)

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row.values[place] for place in self.places)

    def _is_good(self, row: Row) -> bool:
        """Whether the row can be stored; a key that comes again is refused, since which one is right?"""
        errors = [*row.errors, *self._broken(row)]
        if self.keys and not errors:
            key = self._key(row)
            if key in self.seen:
                words = f"the key is in line {self.seen[key]:,} too"
                errors.append(Problem(row.line, self.keys[0].label, str(key[0]), words))
            self.seen.setdefault(key, row.line)
        for one in errors:
            self.counts.problems.add(*one)
        self.counts.reject += bool(errors)
        return not errors

    def _broken(self, row: Row) -> Iterator[Problem]:
        for one, value in zip(self.fields, row.values, strict=True):
            try:
                one.type.check(value, one)
            except Invalid as error:
                yield Problem(row.line, one.label, "", str(error))

    def _refuse(self, row: Row, words: str) -> None:
        """Leave a row out because of its key; which record it means, nobody can tell."""
        key = self.keys[0]
        text = key.type.text(self._key(row)[0], key)
        self.counts.problems.add(row.line, key.label, text, words)
        self.counts.reject += 1

    def _there(self, rows: Sequence[Row]) -> Mapping[tuple[Any, ...], list[Any]]:
        """The records that have the keys of these rows; a key that is not unique has several."""
        if not self.keys or not rows:
            return {}
        first, place = self.live.columns[self.keys[0].name], self.places[0]
        values = {row.values[place] for row in rows}
        wanted = sa.or_(
            first.in_(values - {None}), sa.and_(first.is_(None), sa.literal(None in values))
        )
        query = sa.select(self.live.model).where(wanted, *self.live.rows("import"))
        found = db.session.scalars(query).all()
        there: dict[tuple[Any, ...], list[Any]] = {}
        for one in found:
            there.setdefault(tuple(getattr(one, key.name) for key in self.keys), []).append(one)
        self.hidden = {
            one.name: self._hidden(one, {it.id for it in found})
            for one in self.fields
            if one.name in self.live.partly
        }
        return there

    def _hidden(self, field: Field, ids: set[int]) -> set[int]:
        """Those of these records in which the actor does not see a field."""
        id = self.live.sql.c.id
        shown = sa.select(id).where(id.in_(ids), *self.live.shown(field))
        return ids - set(db.session.scalars(shown))

    # Mirror ------------------------------------------------------------------------------------

    def _missing(self) -> list[int]:
        columns = [self.live.columns[one] for one in ("id", *(key.name for key in self.keys))]
        rules = (*self.live.rows("import"), *self.live.rows("delete"))
        return [
            row[0]
            for row in db.session.execute(sa.select(*columns).where(*rules))
            if tuple(row[1:]) not in self.seen
        ]

    def delete_missing(self) -> None:
        """Delete the records whose keys the file does not have."""
        missing = self._missing()
        self.counts.delete = len(missing)
        if not self.dry_run:
            for begin in range(0, len(missing), BLOCK):
                records.save_many(self.actor, self.live, (), (), missing[begin : begin + BLOCK])

    def check_deletions(self, rows: Iterator[Row], may_delete: float) -> None:
        """Raise Invalid where more would be deleted than may be."""
        first = _Merging(self.actor, self.live, self.fields, self.keys, "mirror")
        first.rows(rows)
        first.delete_missing()
        counted = sa.select(sa.func.count()).select_from(self.live.sql)
        total = db.session.scalar(counted.where(*self.live.rows("import"))) or 0
        if first.counts.delete > total * may_delete:
            words = f"This would delete {first.counts.delete:,} of {total:,} records, so nothing was done."
            raise Invalid(words)
