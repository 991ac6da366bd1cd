"""B on each database: tokens that are replaced, copies, limits."""

from __future__ import annotations

from app import people, sessions
from tests.conftest import on_each_database as app  # noqa: F401  a fixture


def begun(app, remembered):  # noqa: F811
    with app.app_context():
        return sessions.begin(people.find("bob@example.com").id, "test", "", remembered, "/jobs/")


def opened(app, token):  # noqa: F811
    with app.app_context():
        return sessions.actor_of(token, lambda: "/somewhere")


def test_b7_a_token_is_replaced_and_a_copy_ends_the_session(app, clock):  # noqa: F811
    first = begun(app, remembered=True)
    clock.forward(hours=2)
    second = opened(app, first).token
    assert second != first
    assert opened(app, first).token == second, "a request on its way"
    clock.forward(minutes=2)
    assert opened(app, second).token == second
    assert opened(app, first) is None
    assert opened(app, second) is None


def test_b4_sessions_end_and_say_where_they_were(app, clock):  # noqa: F811
    short, long = begun(app, remembered=False), begun(app, remembered=True)
    clock.forward(hours=11)
    assert opened(app, short).token == short
    with app.app_context():
        places = {one.place for one in sessions.of_person(opened(app, short).id)}
    assert places == {"/somewhere", "/jobs/"}
    clock.forward(hours=13)
    assert opened(app, short) is None
    assert opened(app, long)


def test_a6_a_session_is_fresh_for_half_an_hour(app, clock):  # noqa: F811
    actor = opened(app, begun(app, remembered=False))
    with app.app_context():
        assert sessions.is_fresh(actor.session_id)
        clock.forward(minutes=31)
        assert not sessions.is_fresh(actor.session_id)
        after = sessions.confirm(actor.session_id, actor.token)
        assert sessions.is_fresh(actor.session_id)
    assert opened(app, after).session_id == actor.session_id
