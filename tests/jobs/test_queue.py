"""The queue hears of a job when the transaction that has made it is committed."""

from __future__ import annotations

import pytest

from app import jobs
from app.database import writing
from app.extensions import db
from app.models import Person
from app.permissions import Actor


def test_a_part_of_a_transaction_tells_the_queue_nothing(app, monkeypatch):
    told = []
    monkeypatch.setattr(jobs, "push", told.append)
    with app.app_context():
        alice = Actor.of(db.session.query(Person).first())
        with writing() as session:
            first = jobs.enqueue(alice, "count", "First", {}).id
            with session.begin_nested():
                second = jobs.enqueue(alice, "count", "Second", {}).id
            with pytest.raises(KeyError), session.begin_nested():
                raise KeyError
            assert told == []
        assert told == [first, second]
        with pytest.raises(KeyError), writing():
            jobs.enqueue(alice, "count", "Third", {})
            raise KeyError
        with writing():
            pass
        assert told == [first, second]
