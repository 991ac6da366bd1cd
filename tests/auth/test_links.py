"""One-use links at the same moment: set-up makes one administrator, a reset sets one password."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from app import people
from app.database import writing
from app.extensions import db
from app.models import Person
from blueprints.auth import services
from tests.conftest import sign_in


@pytest.fixture
def app(on_each_database):
    """Each test runs on both databases."""
    return on_each_database


def at_once(count, act):
    """Does this in so many threads at the same moment; the answers."""
    answers, ready = [], threading.Barrier(count)

    def run(number):
        ready.wait()
        answers.append(act(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return answers


def setup_token(app):
    """The token of a new set-up link."""
    with app.app_context():
        box = "".join(services.announce_setup("http://localhost"))
    return box.partition("token=")[2].partition(" ")[0]


def without_administrators(app):
    with app.app_context(), writing() as session:
        session.execute(sa.update(Person).values(admin=False))


def test_a1_of_twenty_set_ups_at_the_same_moment_one_makes_an_administrator(app):
    without_administrators(app)
    token = setup_token(app)

    def set_up(number):
        fields = {"name": f"N {number}", "email": f"n{number}@example.com"}
        client = app.test_client()
        answer = client.send("/auth/setup", token=token, password="several good words", **fields)
        return answer.status_code

    codes = at_once(20, set_up)
    assert sorted(codes) == [303] + [404] * 19
    with app.app_context():
        assert len(people.active_admins()) == 1


@pytest.mark.parametrize("token", ["", "guess", "\0"])
def test_a2_without_the_code_from_the_console_nobody_sets_up(app, token):
    without_administrators(app)
    setup_token(app)
    fields = {"name": "Eve", "email": "eve@example.com", "password": "several good words"}
    assert app.test_client().send("/auth/setup", token=token, **fields).status_code == 404
    with app.app_context():
        assert people.active_admins() == []


def test_a12_set_up_with_the_email_of_somebody_who_is_here_ends_their_sessions(app):
    without_administrators(app)
    bob = sign_in(app, "bob")
    fields = {"name": "Bob", "email": "bob@example.com", "password": "several good words"}
    client = app.test_client()
    assert client.send("/auth/setup", token=setup_token(app), **fields).status_code == 303
    assert bob.get("/").location == "/auth/login?next=/"


def test_a9_of_four_who_use_a_reset_link_at_the_same_moment_one_sets_the_password(app):
    with app.app_context():
        token = people.reset_link("bob@example.com")

    def reset(number):
        fields = {"password": f"several good words {number}"}
        return app.test_client().send(f"/auth/reset/{token}", **fields).status_code

    assert sorted(at_once(4, reset)) == [303, 404, 404, 404]
    with app.app_context():
        bob = db.session.scalar(sa.select(Person).where(Person.email == "bob@example.com"))
        good = [n for n in range(4) if people.matches(bob.password_hash, f"several good words {n}")]
        assert len(good) == 1
