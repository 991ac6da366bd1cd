"""What pages and commands tell of a job. Starting, stopping and finding jobs is `app.jobs`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from app import jobs
from app.extensions import db, utcnow
from app.models import Definition, Job, Person
from app.permissions import Actor, may
from app.tables import catalog
from app.tables.table import ACCESS, Table

TOKEN = re.compile("[0-9a-f]{32}")
TONES = {"queued": "muted", "running": "info", "done": "ok", "failed": "bad", "cancelled": "warn"}
COUNTS = {
    "rows": "rows stored", "create": "rows added", "update": "rows changed", "same": "rows unchanged",
    "delete": "rows deleted", "refused": "rows left out", "reject": "rows left out",
}  # fmt: skip
"""What the numbers of a result count."""


class Line(NamedTuple):
    """A job in a list, and whose it is."""

    job: Job
    who: str


class Shown(NamedTuple):
    """A job with what came of it. `table` is the one it made, if that is still there and may be seen."""

    job: Job
    who: str
    table: Table | None
    gone: bool
    seen_by: str
    may_design: bool
    own: bool

    @property
    def open(self) -> bool:
        """Whether it still waits or runs."""
        return self.job.state in jobs.OPEN

    @property
    def upload(self) -> str:
        """The token of one's upload that it imports, empty where the file came from elsewhere or is gone."""
        file = Path(str(self.job.arguments.get("file", "")))
        known = self.own and self.job.kind == "import" and TOKEN.fullmatch(file.parent.name)
        return file.parent.name if known and file.is_file() else ""

    @property
    def counts(self) -> list[tuple[int, str]]:
        """The numbers of its result, in words."""
        told = self.job.result or {}
        found = [(told[key], words) for key, words in COUNTS.items() if key in told]
        return [
            (count, words.replace("rows", "row", 1) if count == 1 else words)
            for place, (count, words) in enumerate(found)
            if count or not place
        ]

    @property
    def problems(self) -> list[Sequence[Any]]:
        """Line, column, value and reason of what could not be stored."""
        found = (self.job.result or {}).get("problems", ())
        return [list(one.values()) if isinstance(one, dict) else one for one in found]

    @property
    def problem_count(self) -> int:
        """How many there are, listed or not."""
        return int((self.job.result or {}).get("problem_count", len(self.problems)))


def page(actor: Actor, before: int = 0) -> tuple[list[Line], int]:
    """A page of the jobs one may see, those that are open first, and where the next page begins."""
    found = jobs.of(actor, before)
    names = _names(found)
    lines = [Line(job, _who(job, names)) for job in found]
    following = found[-1].id if len(found) == jobs.PER_PAGE else 0
    return sorted(lines, key=lambda line: line.job.state not in jobs.OPEN), following


def _names(found: Sequence[Job]) -> dict[int, str]:
    ids = {job.person_id for job in found if job.person_id is not None}
    rows = (
        db.session.execute(sa.select(Person.id, Person.name).where(Person.id.in_(ids)))
        if ids
        else ()
    )
    return {row.id: row.name for row in rows}


def _who(job: Job, names: dict[int, str]) -> str:
    return names.get(
        job.person_id or 0, "somebody who has left" if job.person_id else "command line"
    )


def show(actor: Actor, job_id: int) -> Shown:
    """A job. Raises NotFound."""
    job = jobs.get(actor, job_id)
    table, gone = _table(actor, job)
    seen_by = _seen_by(actor, table) if table else ""
    design = table is not None and may(actor, "design", table)
    own = job.person_id == actor.id
    return Shown(job, _who(job, _names([job])), table, gone, seen_by, design, own)


def _table(actor: Actor, job: Job) -> tuple[Table | None, bool]:
    """The table that a job made, and whether it has been deleted since."""
    table_id = (job.result or {}).get("table_id")
    if job.state != "done" or not isinstance(table_id, int):
        return None, False
    found = db.session.get(Definition, table_id)
    if found is None or found.state != "live":
        return None, True
    table = catalog.table_of(found)
    return (table if may(actor, "list", table) else None), False


def _seen_by(actor: Actor, table: Table) -> str:
    words = ACCESS[table.access]
    if table.owner_id != actor.id:
        owner = db.session.get(Person, table.owner_id) if table.owner_id else None
        words = words.replace("you", owner.name if owner else "its maker")
    return words[0].upper() + words[1:]


def took(job: Job) -> timedelta | None:
    """How long it has run, or did; None where it has not begun."""
    if job.started_at is None:
        return None
    end = job.ended_at or (utcnow() if job.state == "running" else None)
    return max(end - job.started_at, timedelta()) if end else None


def left(job: Job) -> timedelta | None:
    """How long it will still take at the pace so far; None where that cannot be told."""
    passed = took(job)
    if job.state != "running" or not passed or not 0 < job.done < job.total:
        return None
    return passed * ((job.total - job.done) / job.done)


def duration(value: timedelta | None) -> str:
    """As `3 s`, `2 min 5 s` or `1 h 4 min`; a dash where there is none."""
    if value is None:
        return "–"
    seconds = round(value.total_seconds())
    if seconds < 1:
        return "under 1 s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def document(job: Job) -> dict[str, Any]:
    """A job as JSON."""
    moments = {
        name: value.isoformat().replace("+00:00", "Z") if (value := getattr(job, name)) else None
        for name in ("created_at", "started_at", "ended_at")
    }
    names = ("id", "kind", "title", "state", "done", "total", "message", "attempts", "result")
    return {**{name: getattr(job, name) for name in names}, **moments}
