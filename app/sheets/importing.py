"""Import as a new table: filled where nobody sees it, then published in one short transaction.

All or none, as people see it: until the last transaction there is no table, and one that a killed
import has left is dropped by the next run or sweep. The rows go in by blocks, each in a transaction
of its own, so that nobody waits for long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app import jobs
from app.database import writing, writing_connection
from app.errors import Invalid, NotFound
from app.extensions import db, utcnow
from app.models import Definition, Job
from app.permissions import Actor, require
from app.sheets.book import Problem, Problems, open_book
from app.sheets.plan import Plan
from app.sheets.rows import Row, read_rows
from app.tables import catalog, history
from app.tables.live import Live
from app.tables.table import Table

BLOCK = 2_000
TAKEN = "another row has it already"


@dataclass(frozen=True)
class Import:
    """What is imported: a file, how it is read, and the table that comes of it.

    `keys` names fields in which no two rows may have the same value. With `skip` rows that cannot be
    stored exactly are left out and listed; without, one of them refuses the import.
    """

    file: str
    file_name: str
    plan: Plan
    tool: str
    name: str
    label: str
    tool_label: str = ""
    access: str = "private"
    title: str = ""
    keys: tuple[str, ...] = ()
    skip: bool = False

    def document(self) -> dict[str, Any]:
        """As JSON; `of` reads it."""
        return {**asdict(self), "keys": list(self.keys)}

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """The import of a document."""
        plan, keys = Plan.of(document["plan"]), tuple(document["keys"])
        return cls(**{**document, "plan": plan, "keys": keys})

    def table(self, owner_id: int | None) -> Table:
        """The table. Raises Invalid where a key is no column of it."""
        found = [replace(one, unique=one.name in self.keys) for one in self.plan.fields()]
        names = {one.name for one in found}
        if unknown := set(self.keys) - names:
            words = (
                f"There is no column {', '.join(sorted(unknown))}; there are {', '.join(names)}."
            )
            raise Invalid(words, [("keys", words)])
        return Table(
            0, 0, self.tool, self.name, self.label, tuple(found), self.title,
            access=self.access, owner_id=owner_id,
        )  # fmt: skip


def unstorable(rows: int) -> str:
    """How many rows are refused, as the beginning of a sentence."""
    if rows == 1:
        return "One row cannot be stored as it is"
    return f"{rows:,} rows cannot be stored as they are"


class Refused(Invalid):
    """Rows that cannot be stored exactly, and nobody has said to leave them out. `report` lists them."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__(f"{unstorable(report['refused'])}, so nothing was imported.")
        self.report = report


@dataclass
class _Outcome:
    rows: int = 0
    refused: int = 0
    problems: Problems = field(default_factory=Problems)

    def refuse(self, errors: Sequence[Problem]) -> None:
        self.refused += 1
        for one in errors:
            self.problems.add(*one)

    def report(self, live: Live) -> dict[str, Any]:
        """What the job's page tells."""
        return {
            "tool": live.table.tool, "table": live.table.name, "table_id": live.table.id,
            "rows": self.rows, "refused": self.refused, "problem_count": self.problems.count,
            "problems": [list(one) for one in self.problems.listed],
        }  # fmt: skip


def enqueue(actor: Actor, wanted: Import, total: int) -> Job:
    """A job that imports; `total` is how many rows there are. Raises Forbidden, Invalid, Conflict."""
    with writing():
        return add(actor, wanted, total)


def add(actor: Actor, wanted: Import, total: int) -> Job:
    """The same inside a writing transaction."""
    require(actor, "import")
    catalog.check_new(wanted.table(actor.id or None))
    title = f"Import {wanted.file_name} as {wanted.label}"
    return jobs.enqueue(actor, "import", title, wanted.document(), total)


@jobs.kind("import")
def run(work: jobs.Work) -> dict[str, Any]:
    """Fill a table nobody sees, then publish it. Raises Refused; whatever is raised leaves nothing.

    A run that was killed right after it had published has left its report, and nothing to do.
    """
    wanted = Import.of(work.arguments)
    if "rows" in work.result:
        return work.result
    _drop(work.result.get("table_id"))
    if not Path(wanted.file).is_file():
        raise NotFound(f"The file {wanted.file_name} is gone by now. Send it again.")
    with writing():
        table = wanted.table(work.actor.id or None)
        live = catalog.create(table, wanted.tool_label, state="filling")
        work.keep(table_id=live.table.id)
    try:
        outcome = _fill(work, live, wanted)
        if outcome.refused and not wanted.skip:
            raise Refused(outcome.report(live))
        _publish(work, live, wanted, outcome)
    except BaseException:
        _drop(live.table.id)
        raise
    return outcome.report(live)


def _publish(work: jobs.Work, live: Live, wanted: Import, outcome: _Outcome) -> None:
    told = {"file": wanted.file_name, "rows": outcome.rows, "refused": outcome.refused}
    with writing(), history.acting(work.actor, work.id):
        catalog.publish(live.table.id)
        history.note(live.table.id, "import", told)
        work.keep(**outcome.report(live))


def _fill(work: jobs.Work, live: Live, wanted: Import) -> _Outcome:
    outcome, writer = _Outcome(), _Writer(live)
    with open_book(Path(wanted.file), wanted.plan.encoding, wanted.plan.delimiter) as book:
        rows = read_rows(book, wanted.plan)
        done = 0
        while block := list(islice(rows, BLOCK)):
            good = [row for row in block if not row.errors]
            for row in block:
                if row.errors:
                    outcome.refuse(row.errors)
            outcome.rows += writer.write(good, outcome)
            done += len(block)
            work.progress(done, max(work.total, done), f"{outcome.rows:,} rows stored")
    return outcome


class _Writer:
    """Writes blocks of rows straight through the driver, each value turned into the driver's once."""

    def __init__(self, live: Live) -> None:
        self.live = live
        dialect = db.engine.dialect
        names = [*(one.name for one in live.table.written), "version", "created_at", "updated_at"]
        quote, mark = (
            dialect.identifier_preparer.quote,
            "?" if dialect.paramstyle == "qmark" else "%s",
        )
        columns = ", ".join(map(quote, names))
        marks = ", ".join([mark] * len(names))
        self.statement = f"INSERT INTO {quote(live.sql.name)} ({columns}) VALUES ({marks})"
        kinds = [live.sql.c[name].type.dialect_impl(dialect) for name in names]
        self.binds = [kind.bind_processor(dialect) for kind in kinds]
        self.unique = [one for one in live.table.written if one.unique]

    def write(self, rows: Sequence[Row], outcome: _Outcome) -> int:
        """How many were stored; what another row has already is refused."""
        if not rows:
            return 0
        try:
            return self._insert(rows)
        except IntegrityError:
            return self._insert(list(self._free(rows, outcome)))

    def _insert(self, rows: Sequence[Row]) -> int:
        if rows:
            values: list[Sequence[Any]] = list(zip(*(row.values for row in rows), strict=True))
            now = [utcnow()] * len(rows)
            values += [[1] * len(rows), now, now]
            bound = map(_bound, self.binds, values)
            with writing_connection() as connection:
                connection.exec_driver_sql(self.statement, list(zip(*bound, strict=True)))
        return len(rows)

    def _free(self, rows: Sequence[Row], outcome: _Outcome) -> Iterator[Row]:
        """The rows whose unique values no row before them has."""
        places = {one.name: i for i, one in enumerate(self.live.table.written)}
        taken = {
            one.name: self._stored(one.name, [r.values[places[one.name]] for r in rows])
            for one in self.unique
        }
        for row in rows:
            errors = []
            for one in self.unique:
                value = row.values[places[one.name]]
                if value is not None and value in taken[one.name]:
                    text = one.type.text(value, one)
                    errors.append(Problem(row.line, one.label, text, TAKEN))
                taken[one.name].add(value)
            if errors:
                outcome.refuse(errors)
            else:
                yield row

    def _stored(self, name: str, values: list[Any]) -> set[Any]:
        column = self.live.sql.c[name]
        with db.engine.connect() as connection:
            return set(connection.scalars(sa.select(column).where(column.in_(values))))


def _bound(bind: Callable[[Any], Any] | None, values: Sequence[Any]) -> Iterable[Any]:
    """What the driver is given for the values of a column, each turned into it once."""
    if bind is None:
        return values
    known = {one: bind(one) for one in set(values)}
    return map(known.__getitem__, values)


# What is left over -----------------------------------------------------------------------------


def _drop(table_id: int | None) -> None:
    """Drop a table that an import did not finish."""
    with writing() as session:
        found = session.get(Definition, table_id) if table_id else None
        if found is not None and found.state == "filling":
            catalog.destroy(found.id)


def sweep() -> None:
    """Drop what killed imports have left: tables that no open job fills any more."""
    filling = set(db.session.scalars(sa.select(Definition.id).where(Definition.state == "filling")))
    if filling:
        results = db.session.scalars(sa.select(Job.result).where(Job.state.in_(jobs.OPEN)))
        for table_id in filling - {(result or {}).get("table_id") for result in results}:
            _drop(table_id)


jobs.SWEEPS.append(sweep)
