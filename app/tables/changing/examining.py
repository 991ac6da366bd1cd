"""The dry run of a change: what each step would do to the records that there are. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.errors import Invalid
from app.extensions import db
from app.fields import CANONICAL, FORM, TYPES, Field
from app.permissions import Actor, require
from app.tables import catalog, links
from app.tables.changing.comparing import CONVERTS, FREE, SAID, Step, compare, sources, wanted
from app.tables.links import SeenLink
from app.tables.live import Live
from app.tables.table import Table

BLOCK = 2_000
SAMPLES = 10
MOST_WORDS = 100
MOST_KNOWN = 10_000
"""Of a column with more different texts nobody wants choices."""

OUTCOMES = {
    "unchanged": "as they were", "converted": "converted", "rounded": "rounded", "truncated": "cut off",
    "misfits": "not fitting", "blank": "blank",
}  # fmt: skip
"""What can become of a value, in words."""
BLOCKED, CLEAR, KEEP, FILL = "block", "clear", "keep", "fill"
"""What to do with values that do not fit, by field: nothing at all may happen; they become blank; they
become blank and the old column stays beside as a field; they become the default. Where a field must not
be empty any more, KEEP leaves the blank ones until they are saved next, and FILL gives them the default."""


class Sample(NamedTuple):
    """A record, its text now, and what becomes of it: a text, or why it cannot."""

    record_id: int
    old: str
    new: str


class Dependent(NamedTuple):
    """What uses a field that is dropped, renamed or converted; `stops` while the change is not possible."""

    words: str
    stops: bool = False


def _pages(table: Table, step: Step) -> Iterator[Dependent]:
    """What pages show."""
    if step.kind == "drop" and table.title == step.field:
        yield Dependent("Records are called by it; another field takes its place.")
    if step.kind == "drop" and step.field in table.list_display:
        yield Dependent("Lists show it.")


DEPENDENTS: list[Callable[[Table, Step], Iterable[Dependent]]] = [_pages]
"""Functions that find what uses the field of a step, in this table and in others."""


@dataclass
class Check:
    """What a step would do. `counts` and `samples` go by outcome: total, unchanged, converted, rounded,
    truncated, misfits, blank, repeated; of a field that is dropped its values are `unchanged`. `offers`
    is what may be chosen for what does not fit, BLOCKED aside."""

    step: Step
    counts: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    offers: tuple[str, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    texts: dict[str, None] = field(default_factory=dict)

    def count(self, outcome: str, sample: Sample) -> None:
        """One more record with this outcome."""
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        samples = self.samples.setdefault(outcome, [])
        if len(samples) < SAMPLES:
            samples.append(sample)

    @property
    def words(self) -> list[str]:
        """The different texts of the field now, where they are few enough to be choices; else none."""
        return sorted(self.texts) if len(self.texts) <= MOST_WORDS else []

    @property
    def obstacle(self) -> str:
        """What stands in the way, as a sentence; empty where nothing does."""
        misfits, repeated = self.counts.get("misfits", 0), self.counts.get("repeated", 0)
        label = self.step.new.label if self.step.new else ""
        if misfits:
            return f"{label}: {_records(misfits)} with a value that does not fit"
        if repeated:
            return f"{label}: {_records(repeated)} with a value that another has too"
        blank = self.counts.get("blank", 0) if self.step.kind == "require" else 0
        return f"{label}: {_records(blank)} in which it is blank" if blank else ""


def _records(count: int) -> str:
    return "one record" if count == 1 else f"{count:,} records"


@dataclass(frozen=True)
class Examination:
    """A dry run: a check for each step that needs one."""

    steps: tuple[Step, ...]
    checks: tuple[Check, ...]

    def blocked(self, choices: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
        """What stands in the way with these choices: pairs of a field's name and words."""
        found = []
        for one in self.checks:
            found += [(one.step.field, two.words) for two in one.dependents if two.stops]
            chosen = (choices or {}).get(one.step.field, BLOCKED)
            if one.obstacle and chosen not in one.offers:
                found.append((one.step.field, one.obstacle))
        return found


# Looking at the records ------------------------------------------------------------------------


def examine(actor: Actor, live: Live, new: Table) -> Examination:
    """What a change would do, after a look at all records. Raises Forbidden, Invalid."""
    require(actor, "design", live.table)
    new = wanted(live.table, new)
    catalog.require_open(actor, new, live.table)
    catalog.check_across(Live(new, live.sql.name), actor)
    steps = compare(live.table, new)
    if live.written:
        _refuse_code(steps)
    looks = {step: _Look(actor, live, steps, step) for step in steps if step.risk != FREE}
    for rows in _blocks(live, [step.old.id for step in looks if step.old]) if looks else ():
        for look in looks.values():
            look.through(rows)
    checks = [looks[step].check if step in looks else Check(step) for step in steps]
    for one in checks:
        one.dependents = tuple(found for find in DEPENDENTS for found in find(live.table, one.step))
    return Examination(steps, tuple(one for one in checks if one.step in looks or one.dependents))


def _refuse_code(steps: Sequence[Step]) -> None:
    """What a model declares is not changed in the browser. Raises Invalid."""
    wrong = [one for one in steps if one.kind not in SAID]
    words = "is declared in code: change the model, and its SQL column by a migration"
    if wrong:
        labels = [one.label for step in wrong if (one := step.new or step.old)]
        errors = [(step.field, f"{it} {words}") for step, it in zip(wrong, labels, strict=True)]
        raise Invalid(errors=errors)


def rows_of(live: Live, ids: Collection[str], records: sa.ColumnElement[bool]) -> Sequence[Any]:
    """A block of these records by `id`, with the values of the fields, or dropped fields, by their ids."""
    columns = [
        (
            live.columns[name]
            if one.type.column(one) is None
            else sa.column(name, one.type.sql_type(one))
        ).label(id)
        for id, (name, one) in sources(live.table).items()
        if id in ids
    ]
    found = sa.select(live.sql.c.id, *columns).select_from(live.sql).where(records)
    return db.session.execute(found.order_by(live.sql.c.id).limit(BLOCK)).mappings().all()


def _blocks(live: Live, ids: Collection[str]) -> Iterator[Sequence[Any]]:
    """All records, by blocks between which nobody waits."""
    last = 0
    while rows := rows_of(live, ids, live.sql.c.id > last):
        db.session.rollback()
        yield rows
        last = rows[-1]["id"]


class Fit(NamedTuple):
    """What becomes of a value: how it went, the value, and the texts before and after, or why not."""

    outcome: str
    value: Any
    old: str
    new: str


class Becoming:
    """What becomes of the values of a field when it is changed. Values come back often.

    Links are read and shown as the actor sees them: a text finds the record that is called so, and a
    link that becomes a text, or a link to another table, goes by the title.
    """

    def __init__(self, actor: Actor, live: Live, old: Field, new: Field) -> None:
        self.old, self.new, self.same = old, new, new.type.takes(old, new)
        if not self.same:
            self.old, self.new = (links.seen(actor, live, one) for one in (old, new))
        self.known: dict[str, Fit] = {}
        self.by_title = isinstance(self.old.type, SeenLink) and (
            isinstance(self.new.type, SeenLink) or new.type.python is str
        )

    def expect(self, values: Sequence[Any]) -> None:
        """These are about to be asked for: what has to be looked up for them is so at once."""
        if len(self.known) >= MOST_KNOWN:
            self.known.clear()
            for one in (self.old, self.new):
                if isinstance(one.type, SeenLink):
                    one.type.forget()
        if isinstance(self.old.type, SeenLink):
            self.old.type.load({one for one in values if one is not None})
        if isinstance(self.new.type, SeenLink):
            texts = {self._read(one)[0] for one in values if one is not None}
            self.new.type.expect(texts, self.new)

    def __call__(self, value: Any) -> Fit:
        text, value, old = self._read(value)
        if text not in self.known:
            unseen = value is None or self.same
            outcome = "blank" if value is None else "unchanged"
            self.known[text] = (
                Fit(outcome, value, text, text) if unseen else _fit(value, text, old, self.new)
            )
        return self.known[text]

    def _read(self, value: Any) -> tuple[str, Any, Field]:
        """A value as a text, and the value and the field that it is converted from."""
        kind = self.old.type
        if value is None or not self.by_title or not isinstance(kind, SeenLink):
            return kind.text(value, self.old), value, self.old
        title = kind.title(value) or f"#{value}"
        return title, title, replace(self.old, type=TYPES["text"], options={})


def _fit(value: Any, text: str, old: Field, new: Field) -> Fit:
    try:
        found = new.type.convert(value, old, new)
        outcome = "converted"
    except Invalid:
        try:
            found, outcome = new.type.nearest(value, old, new), new.type.loss
        except Invalid as refused:
            return Fit("misfits", None, text, str(refused))
    if found is None:
        return Fit("misfits", None, text, f"{new.label} would be blank")
    shown = new.type.text(found, new, FORM if isinstance(new.type, SeenLink) else CANONICAL)
    if outcome == "converted" and _lost(value, old, found, new):
        outcome = new.type.loss
    return Fit("unchanged" if shown == text else outcome, found, text, shown)


def _lost(value: Any, old: Field, found: Any, new: Field) -> bool:
    """Whether a value that is no text has lost something, such as a moment its time: it does not come
    back the same."""
    try:
        return old.type.python is not str and old.type.convert(found, new, old) != value
    except Invalid:
        return False


def _offers(steps: Sequence[Step], step: Step) -> tuple[str, ...]:
    """What may be chosen for the values that a step does not leave as they are."""
    if step.kind not in (*CONVERTS, "require"):
        return ()
    converted = any(one.new == step.new and one.kind in CONVERTS for one in steps)
    default = (FILL,) if step.new and step.new.default else ()
    return (*((CLEAR,) if converted else ()), KEEP, *default)


class _Look:
    """Looks at the records for one step. What it sees is in `check`."""

    def __init__(self, actor: Actor, live: Live, steps: Sequence[Step], step: Step) -> None:
        self.check = Check(step, offers=_offers(steps, step))
        self.see = {"require": self._blank, "unique": self._repeated}.get(step.kind, self._fate)
        old, new = step.old, step.new
        self.become = Becoming(actor, live, old, new or old) if old else None
        self.first: dict[str, int] = {}  # by value; below zero where another record has it too

    def through(self, rows: Sequence[Any]) -> None:
        """Look at some records."""
        counts, old, become = self.check.counts, self.check.step.old, self.become
        counts["total"] = counts.get("total", 0) + len(rows)
        if old is None or become is None:
            for row in rows:
                self.see(row["id"], NOTHING)
            return
        become.expect([row[old.id] for row in rows])
        for row in rows:
            self.see(row["id"], become(row[old.id]))

    def _fate(self, record_id: int, fit: Fit) -> None:
        self.check.count(fit.outcome, Sample(record_id, fit.old, fit.new))
        if fit.old and len(self.check.texts) <= MOST_WORDS:
            self.check.texts[fit.old] = None

    def _blank(self, record_id: int, fit: Fit) -> None:
        if fit.value is None:
            self.check.count("blank", Sample(record_id, fit.old, fit.new))

    def _repeated(self, record_id: int, fit: Fit) -> None:
        """Every record whose value another has too, the first one of them included."""
        if fit.value is None:
            return
        first = self.first.setdefault(fit.new, record_id)
        if first > 0 and first != record_id:
            self.check.count("repeated", Sample(first, fit.old, fit.new))
            self.first[fit.new] = -first
        if first != record_id:
            self.check.count("repeated", Sample(record_id, fit.old, fit.new))


NOTHING = Fit("blank", None, "", "")
