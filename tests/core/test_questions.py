"""What is asked at every request finds what SQLAlchemy would, and says what is wrong as SQLAlchemy does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
import sqlalchemy.exc

from app.database import writing
from app.extensions import db
from app.models import Person, Role, Session, Token
from app.questions import Question
from tests.conftest import sign_in

NOW = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
STATEMENTS = {
    "moments and truths": (
        sa.select(Person.id, Person.name, Person.admin, Person.created_at)
        .where(Person.created_at > sa.bindparam("since"), Person.active)
        .order_by(Person.id),
        {"since": NOW.replace(year=2020)},
    ),
    "json": (sa.select(Role.id, Role.grants, Role.rights), {}),
    "columns of one name": (
        sa.select(Person.id, Session.id, Session.last_seen_at).join(Person, Person.id == Session.person_id), {},
    ),
    "several values": (sa.select(Person.id).where(Person.email.in_(["alice@example.com", "x"])), {}),
    "nothing": (sa.select(Token.id).where(Token.token_hash == sa.bindparam("hash")), {"hash": "none"}),
}  # fmt: skip


@pytest.fixture
def app(on_each_database):
    sign_in(on_each_database, "bob")
    with on_each_database.app_context(), writing() as session:
        session.add(Role(name="Sales", rights=["trips"], grants=[{"rule": "a == 1"}]))
    return on_each_database


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_rows_are_those_of_sqlalchemy(app, name):
    statement, values = STATEMENTS[name]
    with app.app_context():
        expected = [tuple(one) for one in db.session.execute(statement, values)]
        db.session.rollback()
        question = Question(statement)
        assert [tuple(one) for one in question.ask(**values)] == expected
        db.session.connection()  # in a transaction too
        assert [tuple(one) for one in question.ask(**values)] == expected


def test_columns_are_attributes(app):
    with app.app_context():
        (row,) = Question(sa.select(Person.name, Person.admin).where(Person.id == 1)).ask()
        assert (row.name, row.admin) == ("Alice Adams", True)


def test_it_sees_what_the_transaction_at_hand_has_written_and_nobody_else_does(app):
    question = Question(sa.select(Role.name).order_by(Role.id))
    with app.app_context():
        with writing() as session:
            session.add(Role(name="Store", rights=[], grants=[]))
            session.flush()
            assert [one[0] for one in question.ask()] == ["Sales", "Store"]
            session.rollback()
        assert [one[0] for one in question.ask()] == ["Sales"]


def test_a_value_that_is_a_function_is_asked_for_each_time(app):
    found = iter(("alice@example.com", "bob@example.com"))
    email = sa.bindparam("email", callable_=lambda: next(found), type_=sa.String)
    question = Question(sa.select(Person.name).where(Person.email == email))
    with app.app_context():
        assert [question.ask()[0].name for _ in range(2)] == ["Alice Adams", "Bob Brown"]


def test_what_the_driver_refuses_is_said_as_sqlalchemy_says_it(app):
    question = Question(sa.select(sa.column("id")).select_from(sa.table("no_such_table")))
    with app.app_context(), pytest.raises(sqlalchemy.exc.DBAPIError):
        question.ask()


def test_what_is_asked_once_is_not_compiled_for_it_alone(app):
    question = Question(sa.select(Person.name).where(Person.id == 1), once=True)
    with app.app_context():
        assert question.ask()[0].name == "Alice Adams"
    assert "_compiled" not in vars(question)


def test_where_no_connection_can_be_had_it_is_said_as_sqlalchemy_says_it(app, monkeypatch):
    def refuse(*_args, **_more):
        raise db.engine.dialect.dbapi.OperationalError("unable to open database file")

    with app.app_context():
        monkeypatch.setattr(db.engine.pool, "connect", refuse)
        with pytest.raises(sqlalchemy.exc.OperationalError):
            Question(sa.select(Person.id)).ask()


def test_no_connection_is_kept(app):
    with app.app_context():
        for _ in range(20):
            Question(sa.select(Person.id)).ask()
        db.session.rollback()
        assert db.engine.pool.checkedout() == 0
