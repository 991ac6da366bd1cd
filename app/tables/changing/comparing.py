"""What differs between two tables, as steps in words; fields are the same by their ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import Any, NamedTuple

from app.errors import Invalid
from app.fields import Field
from app.fields.names import bare, field_name, is_field_name
from app.tables.table import ACCESS, NAMING, Table, check

MOST_FIELDS = 300
FREE, CHECKED, DESTRUCTIVE = "free", "checked", "destructive"
SAID = (
    "relabel", "help", "order", "label", "list", "search", "sort", "readonly", "title", "access",
)  # fmt: skip
"""The kinds of steps that change no column: what can be said in the browser of a table that is written."""
CONVERTS = ("retype", "options")
"""The kinds of steps that, where they are checked, turn every value into another."""


class Step(NamedTuple):
    """One thing that is changed.

    `kind` is one of add, restore, drop, relabel, rename, retype, options, help, default, require,
    relax, unique, not_unique; or, of the table itself and without a field, label, order, list, search,
    sort, readonly, title, access. `risk` is `free` (nothing can go wrong), `checked` (the records have to
    be looked at) or `destructive` (values go out of sight, for thirty days). `words` say in a sentence
    what will happen.
    """

    kind: str
    old: Field | None
    new: Field | None
    risk: str
    words: str

    @property
    def field(self) -> str:
        """The field's name, as choices and errors go by: the new one, of a dropped field the old."""
        one = self.new or self.old
        return one.name if one else ""


def new_id() -> str:
    """An id for a field that is added."""
    return token_hex(6)


def compare(old: Table, new: Table) -> tuple[Step, ...]:
    """The steps from one table to another, in the order of the new one's fields; empty where they are
    declared alike. A field whose id the old one has dropped is restored."""
    new = follow(old, new)
    old, new = (one.read(one.document()) for one in (old, new))  # without what other tables say
    before = {one.id: one for one in old.fields}
    dropped = {one.field.id: one.field for one in old.dropped}
    steps = [*_of_table(old, new)]
    for one in new.fields:
        if one.id in before:
            steps += _of_field(before[one.id], one)
        else:
            steps += _come(dropped.get(one.id), one)
    kept = {one.id for one in new.fields}
    gone = [one for one in old.fields if one.id not in kept]
    return (*steps, *map(_drop, gone))


def _drop(one: Field) -> Step:
    if one.type.column(one) is None and not one.type.many:
        words = f"“{one.label}” goes; it is worked out, so no value is lost."
        return Step("drop", one, None, FREE, words)
    words = (
        f"“{one.label}” goes out of sight with its values; they can be restored for thirty days."
    )
    return Step("drop", one, None, DESTRUCTIVE, words)


def sources(table: Table) -> dict[str, tuple[str, Field]]:
    """The column that has the values of each field, by its id; dropped ones among them."""
    dropped = {one.field.id: (one.column, one.field) for one in table.dropped}
    return {**dropped, **{one.id: (one.name, one) for one in table.fields}}


def wanted(old: Table, new: Table) -> Table:
    """The new table as it can be declared. Raises Invalid, naming what cannot be."""
    new = follow(old, new)
    if len(new.fields) > max(MOST_FIELDS, len(old.fields)):
        words = f"A table has room for {MOST_FIELDS} fields; this would have {len(new.fields)}"
        raise Invalid(words, [("fields", words)])
    if errors := [error for step in compare(old, new) for error in _wrong(step, new)]:
        raise Invalid(errors=errors)
    same = replace(new, id=old.id, version=old.version, tool=old.tool, name=old.name)
    return check(replace(same, owner_id=old.owner_id, dropped=old.dropped))


def _wrong(step: Step, new: Table) -> Iterator[tuple[str, str]]:
    """What is wrong with a field that comes or is called something else."""
    one = step.new
    if one and step.old and step.kind in CONVERTS and step.risk != FREE:
        if any(it.type.column(it) is None for it in (step.old, one)):
            words = f"{one.label} cannot become {one.type.noun}; add a field, then drop this one"
            yield one.name, words
    if one is None or step.kind not in ("add", "restore", "relabel", "rename"):
        return
    others = [other for other in new.fields if other.id != one.id]
    if not one.label.strip():
        yield one.name, f"The name of {one.name} must not be empty"
    elif twin := next((it for it in others if bare(it.label) == bare(one.label)), None):
        yield one.name, f"“{one.label}” and “{twin.label}” are too alike; choose another name"
    if not is_field_name(one.name):
        words = f"“{one.name[:40]}” cannot be the name of a column"
        yield one.name, f"{words}; “{field_name(one.name)}” can"
    elif any(other.name == one.name for other in others):
        yield one.name, f"Two fields would have the column {one.name}"


def follow(old: Table, new: Table) -> Table:
    """The new table, whose title and list, where they are the old ones, go by the names of now."""
    names = {one.id: one.name for one in new.fields}
    renamed = {one.name: names.get(one.id, one.name) for one in old.fields}

    def now(was: Sequence[str], name: str) -> str:
        return renamed.get(name, name) if name in was or name not in new.by_name else name

    title = now([old.title] if new.title == old.title else [], new.title)
    said: dict[str, Any] = {}
    for option in NAMING:
        names = getattr(new, option)
        was = [one.removeprefix("-") for one in names if names == getattr(old, option)]
        signs = [(one[:1] == "-", now(was, one.removeprefix("-"))) for one in names]
        there = {name: down for down, name in reversed(signs) if name in new.by_name}
        said[option] = tuple(f"-{name}" if there[name] else name for name in reversed(there))
    return replace(new, title=title, **said)


def _of_table(old: Table, new: Table) -> Iterator[Step]:
    def step(kind: str, words: str) -> Step:
        return Step(kind, None, None, FREE, words)

    if old.label != new.label:
        yield step("label", f"The table “{old.label}” is called “{new.label}”.")
    if old.access != new.access:
        yield step("access", f"Who may use it: {ACCESS.get(new.access, new.access)}.")
    same = {one.id for one in old.fields} & {one.id for one in new.fields}
    orders = [[one.id for one in table.fields if one.id in same] for table in (old, new)]
    if orders[0] != orders[1]:
        yield step("order", "The fields stand in another order.")
    yield from _by_name(old, new, step)


def _by_name(old: Table, new: Table, step: Any) -> Iterator[Step]:
    """What a table says of fields by their names."""
    ids = [{one.name: one.id for one in table.by_name.values()} for table in (old, new)]
    for option, kind in zip(NAMING, ("list", "search", "sort", "readonly"), strict=True):
        said = [
            [(one[:1] == "-", names.get(one.removeprefix("-"))) for one in getattr(table, option)]
            for names, table in zip(ids, (old, new), strict=True)
        ]
        if said[0] != said[1]:
            yield step(kind, _WORDS[kind](", ".join(_labels(new, getattr(new, option)))))
    title = new.by_name.get(new.title)
    if title and ids[0].get(old.title) != title.id:
        yield step("title", f"Records are called by “{title.label}”.")


_WORDS = {
    "list": lambda names: f"Lists show {names or 'the first fields'}.",
    "search": lambda names: f"A search looks into {names or 'every text'}.",
    "sort": lambda names: f"Lists are sorted by {names or 'number'}.",
    "readonly": lambda names: f"Nobody types {names}." if names else "Every field can be typed.",
}


def _labels(table: Table, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        label = table.by_name[name.removeprefix("-")].label
        yield f"{label}, from the last to the first" if name[:1] == "-" else label


def _come(dropped: Field | None, new: Field) -> Iterator[Step]:
    """A field that the old table does not have, or not any more."""
    if dropped:
        yield Step("restore", dropped, new, FREE, f"“{new.label}” comes back with its values.")
        yield from _of_field(dropped, new)
        return
    words = "; the records that there are get theirs too" if new.type.given else ""
    yield Step("add", None, new, FREE, f"“{new.label}” is added: {new.type.noun}{words}.")
    for one in _rules(replace(new, required=False, unique=False), new):
        yield one._replace(old=None)


def _of_field(old: Field, new: Field) -> Iterator[Step]:
    def free(kind: str, words: str) -> Step:
        return Step(kind, old, new, FREE, words)

    if old.label != new.label:
        yield free("relabel", f"“{old.label}” is called “{new.label}”.")
    if old.name != new.name:
        words = (
            f"The column {old.name} is called {new.name}, also in addresses and exports by name."
        )
        yield free("rename", words)
    if (old.type.name, old.type.declared(old)) != (new.type.name, new.type.declared(new)):
        yield _retyped(old, new)
    if old.help != new.help:
        yield free("help", f"The help of “{new.label}” changes.")
    if old.default != new.default:
        words = (
            f"new records begin with “{new.default}” in it" if new.default else "it has no default"
        )
        yield free("default", f"“{new.label}”: {words}; records that there are stay.")
    yield from _rules(old, new)


def _retyped(old: Field, new: Field) -> Step:
    kind = "options" if old.type.name == new.type.name else "retype"
    words = (
        f"“{new.label}” becomes {new.type.noun}" if kind == "retype" else f"“{new.label}” changes"
    )
    if renamed := new.options.get("renamed"):
        words += ": " + ", ".join(f"“{was}” is called “{now}”" for was, now in renamed.items())
    if new.type.writable == old.type.writable and new.type.takes(old, new):
        return Step(kind, old, new, FREE, f"{words}; every value fits as it is.")
    return Step(kind, old, new, CHECKED, f"{words}; the values are converted, the old ones kept.")


def _rules(old: Field, new: Field) -> Iterator[Step]:
    label = new.label
    if new.required and not old.required:
        yield Step("require", old, new, CHECKED, f"“{label}” must not be empty any more.")
    elif old.required and not new.required:
        yield Step("relax", old, new, FREE, f"“{label}” may be empty.")
    if new.unique and not old.unique:
        words = f"No two records may have the same value in “{label}”."
        yield Step("unique", old, new, CHECKED, words)
    elif old.unique and not new.unique:
        yield Step("not_unique", old, new, FREE, f"Records may have the same value in “{label}”.")
