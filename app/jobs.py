"""Work behind a request: a row in the table `job` is the truth, the queue carries only its number.

    enqueue   inside a writing transaction: the job exists if what caused it does
    run       claims the row, calls the function of its kind, writes how it ended
    sweep     puts back what was queued or running and that nobody works on any more

A worker can die at any moment, so the function of a kind must bear being run twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import Flask, current_app
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app import database
from app.database import writing, writing_connection
from app.errors import AppError, Conflict, Forbidden, NotFound
from app.extensions import db, utcnow
from app.models import Job, Person
from app.permissions import SYSTEM, Actor

log = logging.getLogger("roundtrip.jobs")

BEAT_SECONDS = 3
STALE = timedelta(seconds=15)
MOST_ATTEMPTS = 3
PER_PAGE = 50
OPEN, ENDED = ("queued", "running"), ("done", "failed", "cancelled")

Function = Callable[["Work"], dict[str, Any]]
Run = sa.ColumnElement[bool]
"""The condition under which a job is still in the run that has claimed it."""

KINDS: dict[str, Function] = {}
"""What each kind of job does: given a Work, it returns the job's result, as JSON has it."""
SWEEPS: list[Callable[[], None]] = []
"""What else a sweep does, such as dropping what a killed job has left."""


class Cancelled(Exception):
    """Somebody wants the job to stop."""


class Lost(Exception):
    """This run was taken for dead, and the job is another's by now: whatever it has begun goes."""


def kind(name: str) -> Callable[[Function], Function]:
    """Declare the function of a kind of job."""

    def declare(function: Function) -> Function:
        KINDS[name] = function
        return function

    return declare


DISABLED = "The person whose job this is may not sign in any more."
_GOES_ON = (
    sa.select(Job.cancel, Person.active)
    .outerjoin(Person, Person.id == Job.person_id)
    .where(Job.id == sa.bindparam("job"))
)


class Work:
    """A job as its function sees it."""

    def __init__(self, job: Job, actor: Actor) -> None:
        self.id, self.actor, self.arguments = job.id, actor, job.arguments
        self.total = job.total
        self.result = job.result or {}
        self.mine = _run_of(job)
        self._told = 0.0

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Say how far it is, a few times a second at most; a busy database need not know. Raises
        Cancelled where somebody wants it to stop, Lost where another run does the job by now, Forbidden
        where its person has been disabled."""
        if time.monotonic() - self._told < 0.3 and done < total:
            return
        self._told = time.monotonic()
        values = {"done": done, "total": total, "message": message, "beat_at": utcnow()}
        try:
            with writing_connection() as connection:
                told = connection.execute(sa.update(Job).where(self.mine).values(values))
                stop, active = connection.execute(_GOES_ON, {"job": self.id}).one()
        except OperationalError:
            log.warning("job %s could not say how far it is", self.id, exc_info=True)
            return
        if not told.rowcount:
            raise Lost
        if stop:
            raise Cancelled
        if active is False:
            raise Forbidden(DISABLED)

    def keep(self, **result: Any) -> None:
        """Note something in the job's row, in the transaction at hand: a second run finds it in `result`.
        Raises Lost where there is such a run already."""
        self.result = {**self.result, **result}
        kept = db.session.execute(sa.update(Job).where(self.mine).values(result=self.result))
        if not kept.rowcount:  # type: ignore[attr-defined]
            raise Lost


def _run_of(job: Job) -> Run:
    """The run that has just claimed this job."""
    return sa.and_(Job.id == job.id, Job.state == "running", Job.attempts == job.attempts)


# Putting into the queue ------------------------------------------------------------------------


def enqueue(actor: Actor, kind: str, title: str, arguments: dict[str, Any], total: int = 0) -> Job:
    """A new job, inside a writing transaction; the queue hears of it when that is committed."""
    job = Job(
        kind=kind, title=title[:300], person_id=actor.id or None, arguments=arguments, total=total
    )  # fmt: skip
    db.session.add(job)
    db.session.flush()
    db.session.info.setdefault("jobs", []).append(job.id)
    return job


@sa.event.listens_for(so.Session, "after_commit")
def _push(session: so.Session) -> None:
    if session.in_nested_transaction():  # a part of it, which is done and not committed
        return
    for job_id in session.info.pop("jobs", ()):
        push(job_id)


@sa.event.listens_for(so.Session, "after_rollback")
def _push_nothing(session: so.Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop("jobs", None)


def push(job_id: int) -> None:
    """Tell the queue. Where it cannot be told, the next sweep does."""
    try:
        queue = queue_of(current_app._get_current_object())  # type: ignore[attr-defined]
        queue.run(job_id)
    except Exception:
        log.warning("the queue could not be told of job %s", job_id, exc_info=True)
    supervisor = current_app.extensions.get("supervisor")
    if supervisor is not None:
        supervisor.wake.set()


def any_open() -> bool:
    """Whether there is a job to be done, or one being done."""
    query = sa.select(Job.id).where(Job.state.in_(OPEN)).limit(1)
    with db.engine.connect() as connection:
        return connection.scalar(query) is not None


class Queue:
    """Huey, with the one task that it carries. It is imported where something is put into it."""

    def __init__(self, app: Flask) -> None:
        from huey import RedisHuey, SqliteHuey

        url = app.config["ROUNDTRIP_REDIS_URL"]
        file = Path(app.config["ROUNDTRIP_INSTANCE"]) / "queue.sqlite"
        self.huey = (
            RedisHuey("roundtrip", url=url, results=False)
            if url
            else SqliteHuey("roundtrip", filename=str(file), results=False)
        )

        def run_job(job_id: int) -> None:
            with app.app_context():
                run(job_id)

        self.run = self.huey.task(name="run")(run_job)

    def close(self) -> None:
        """Close what this thread has opened: a file, unless the queue is in Redis."""
        close = getattr(self.huey.storage, "close", None)
        if close is not None:
            close()


def queue_of(app: Flask) -> Queue:
    """The app's queue."""
    if "queue" not in app.extensions:
        app.extensions["queue"] = Queue(app)
    queue: Queue = app.extensions["queue"]
    return queue


# Running ---------------------------------------------------------------------------------------


def run(job_id: int) -> None:
    """Run a job that is queued to its end; nothing happens where somebody else has claimed it."""
    job = _claim(job_id)
    if job is None:
        return
    kind, mine = job.kind, _run_of(job)
    try:
        if kind not in KINDS:
            raise NotFound(f"Nothing in this app does work of the kind “{kind}”.")
        work = Work(job, actor_of(job))
        with _beating(job_id, mine):
            result = KINDS[kind](work)
        _end(mine, "done", result=result)
    except Lost:
        log.warning("job %s goes on in another run", job_id)
    except Cancelled:
        _end(mine, "cancelled", message="Stopped before it was done; nothing was kept.")
    except AppError as error:
        _end(mine, "failed", message=str(error), result=getattr(error, "report", None))
    except Exception:
        log.exception("job %s (%s) failed", job_id, kind)
        words = "Something broke on our side, and nothing was kept. The log has it under this job."
        _end(mine, "failed", message=words)


def _claim(job_id: int) -> Job | None:
    """The job, running from now on; None where it is not queued any more."""
    with writing() as session:
        claimed = session.execute(
            sa.update(Job)
            .where(Job.id == job_id, Job.state == "queued")
            .values(
                state="running", started_at=utcnow(), beat_at=utcnow(), attempts=Job.attempts + 1,
                message="", cancel=False,
            )
        )  # fmt: skip
        return session.get(Job, job_id) if claimed.rowcount else None  # type: ignore[attr-defined]


def actor_of(job: Job) -> Actor:
    """Who the job works for, with the rights they have now. Raises Forbidden where they are disabled."""
    database.forget()
    if job.person_id is None:
        return SYSTEM
    person = db.session.get(Person, job.person_id, populate_existing=True)
    if person is None or not person.active:
        raise Forbidden(DISABLED)
    return Actor.of(person)


def _end(mine: Run, state: str, message: str = "", result: dict[str, Any] | None = None) -> None:
    values = {"state": state, "message": message[:2_000], "ended_at": utcnow()}
    with writing_connection() as connection:
        if result is not None or state != "done":
            values["result"] = result
        connection.execute(sa.update(Job).where(mine).values(values))


@contextmanager
def _beating(job_id: int, mine: Run) -> Iterator[None]:
    """While this block runs, the row shows that somebody works on it. A beat may fail, not the heart."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            try:
                with app.app_context(), writing_connection() as connection:
                    connection.execute(sa.update(Job).where(mine).values(beat_at=utcnow()))
            except SQLAlchemyError:
                log.warning("job %s could not say that it lives", job_id, exc_info=True)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def run_queued() -> None:
    """Run all jobs that are queued, here and now: for commands and tests."""
    for job_id in db.session.scalars(
        sa.select(Job.id).where(Job.state == "queued").order_by(Job.id)
    ).all():
        run(job_id)


def sweep() -> None:
    """Put back jobs whose worker is gone, tell the queue again of those that wait, tidy up."""
    late = utcnow() - STALE
    gone = sa.and_(Job.state == "running", Job.beat_at < late)
    words = "The worker was stopped in the middle of it three times. Nothing was kept."
    with writing_connection() as connection:
        connection.execute(
            sa.update(Job)
            .where(gone, Job.attempts >= MOST_ATTEMPTS)
            .values(state="failed", message=words, ended_at=utcnow())
        )
        connection.execute(sa.update(Job).where(gone).values(state="queued"))
        waiting = connection.scalars(
            sa.select(Job.id).where(Job.state == "queued", Job.created_at < late)
        ).all()
    if waiting and not queue_of(current_app._get_current_object()).huey.pending_count():  # type: ignore[attr-defined]
        for job_id in waiting:
            push(job_id)
    for tidy in SWEEPS:
        try:
            tidy()
        except Exception:  # whatever it is, the others have nothing to do with it
            db.session.rollback()
            log.exception("a sweep failed; it is tried again with the next")


# For people ------------------------------------------------------------------------------------


def get(actor: Actor, job_id: int) -> Job:
    """A job of one's own; of anybody for administrators. Raises NotFound."""
    job = db.session.get(Job, job_id) if 0 < job_id < 2**31 else None
    if job is None or not (actor.admin or job.person_id == actor.id):
        raise NotFound("There is no such job, or it is somebody else's.")
    return job


def of(actor: Actor, before: int = 0) -> Sequence[Job]:
    """The jobs one may see, the newest first, a page at a time: those with a number below `before`."""
    query = sa.select(Job).order_by(Job.id.desc()).limit(PER_PAGE)
    if not actor.admin:
        query = query.where(Job.person_id == actor.id)
    return db.session.scalars(query.where(Job.id < before) if before else query).all()


def cancel(actor: Actor, job_id: int) -> Job:
    """Stop a job: at once where it waits, at its next step where it runs. Raises Conflict, NotFound."""
    with writing() as session:
        job = get(actor, job_id)
        session.refresh(job, with_for_update=True)
        if job.state in ENDED:
            raise Conflict(f"This job is {job.state} already, so there is nothing to stop.")
        if job.state == "queued":
            job.state, job.ended_at = "cancelled", utcnow()
        job.cancel = True
        session.flush()
    return job


def retry(actor: Actor, job_id: int) -> Job:
    """Queue a job again that has failed or was cancelled. Raises Conflict, NotFound."""
    with writing() as session:
        job = get(actor, job_id)
        session.refresh(job, with_for_update=True)
        if job.state not in ("failed", "cancelled"):
            raise Conflict(
                f"This job is {job.state}; only one that failed or was cancelled runs again."
            )
        job.state, job.cancel, job.attempts, job.done = "queued", False, 0, 0
        job.ended_at, job.message = None, ""
        session.info.setdefault("jobs", []).append(job.id)
    return job
