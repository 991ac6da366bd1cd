"""Jobs of a kind that only these tests have: it counts as far as it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app import jobs
from app.database import writing
from app.errors import Invalid
from app.extensions import db
from app.models import Job, Person
from app.permissions import Actor


def count(work: jobs.Work) -> dict[str, Any]:
    """Counts, or fails where that is asked for."""
    if work.arguments.get("fail"):
        raise Invalid("The numbers ran out.")
    work.progress(3, 3, "three counted")
    return {
        "rows": 3,
        "reject": 1,
        "problems": [[2, "Name", "<b>x</b>", "is no number"]],
        "problem_count": 5,
    }


@pytest.fixture
def app(on_each_database: Any) -> Any:
    """Each test runs on both databases."""
    return on_each_database


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind."""
    monkeypatch.setitem(jobs.KINDS, "count", count)


@pytest.fixture
def queued(app: Any) -> Iterator[Callable[..., int]]:
    """Queues one for somebody; its number."""

    def queue(who: str = "bob", title: str = "Count to three", **arguments: Any) -> int:
        with app.app_context():
            person = db.session.query(Person).filter_by(email=f"{who}@example.com").one()
            actor = Actor(person.id, person.name, person.email, person.admin)
            with writing():
                return jobs.enqueue(actor, "count", title, arguments, 3).id

    yield queue


@pytest.fixture
def change(app: Any) -> Callable[..., None]:
    """Sets columns of a job, as a worker would."""

    def set_values(job_id: int, **values: Any) -> None:
        with app.app_context():
            db.session.query(Job).filter_by(id=job_id).update(values)
            db.session.commit()

    return set_values
