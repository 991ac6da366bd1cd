"""The list of people and the page of one: what is shown, what can be done, and what cannot."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from app import people, sessions
from app.database import writing
from app.errors import Conflict, Forbidden
from app.extensions import db
from app.models import MEMBERSHIP, Person, Session, Token
from app.permissions import Actor
from tests.conftest import PASSWORD, sign_in
from tests.people.conftest import link_in

# The list --------------------------------------------------------------------------------------


def test_the_list_has_everybody_with_state_and_last_visit(alice, new_role, page_of):
    alice.send(f"{page_of('bob')}/roles", roles=new_role("Sales"))
    page = alice.get("/people/").text
    rows = page.partition("<tbody")[2].split("<tr")[1:]
    assert [word in row for word, row in zip(("Alice", "Bob", "Charlie"), rows, strict=True)]
    assert "Active" in rows[0] and "Administrator" in rows[0]
    assert "Sales" in rows[1]
    assert "Disabled" in rows[2] and "never" in rows[2]


@pytest.mark.parametrize(
    "query, names",
    [
        ("q=BOB", ["Bob Brown"]),
        ("q=example.com", ["Alice Adams", "Bob Brown", "Charlie Clark"]),
        ("q=%25", []),
        ("state=disabled", ["Charlie Clark"]),
        ("state=active&q=a", ["Alice Adams", "Bob Brown"]),
        ("state=invited", []),
    ],
)
def test_search_and_filters_are_in_the_address(alice, query, names):
    page = alice.get(f"/people/?{query}").text.partition("<main")[2]
    assert [name for name in ("Alice Adams", "Bob Brown", "Charlie Clark") if name in page] == names
    assert names or "Nobody fits" in page


def test_the_list_can_be_narrowed_to_a_role(alice, new_role, page_of):
    role = new_role("Sales")
    alice.send(f"{page_of('bob')}/roles", roles=role)
    page = alice.get(f"/people/?role={role}").text.partition("<tbody")[2]
    assert "Bob Brown" in page and "Alice Adams" not in page


@pytest.mark.parametrize("query", ["state=gone", "role=99", "role=x", "page=-1", "sort=name"])
def test_what_the_list_does_not_know_is_named(alice, query):
    answer = alice.get(f"/people/?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text or query.partition("=")[2] in answer.text


def test_a_long_list_has_pages(alice, app):
    with app.app_context(), writing() as session:
        session.add_all(
            Person(name=f"Person {n:03}", email=f"p{n}@example.com") for n in range(120)
        )
    first, second = alice.get("/people/").text, alice.get("/people/?page=2").text
    assert first.count("<tr ") == 101 and second.count("<tr ") == 24
    assert 'rel="next"' in first and 'rel="prev"' in second


PATHS = (
    "roles", "disable", "enable", "make-admin", "end-admin", "end-sessions", "link", "invite", "withdraw",
    "see",
)  # fmt: skip


def test_only_administrators_see_people_and_do_anything_about_them(bob, client, page_of):
    theirs = page_of("bob")
    for path in ("/people/", "/people/events/", theirs):
        assert bob.get(path).status_code == 403
        assert client.get(path).location.startswith("/auth/login")
    for path in PATHS:
        assert bob.send(f"{theirs}/{path}").status_code == 403
    assert 'href="/people/"' not in bob.get("/").text


def test_people_stand_in_the_rail_of_administrators(alice):
    assert 'href="/people/"' in alice.get("/").text


@pytest.mark.parametrize("path", ["", *(f"/{one}" for one in PATHS)])
@pytest.mark.parametrize("id", ["999", "99999999999999", "x", "-1"])
def test_somebody_who_is_not_there_is_not_found_whatever_is_asked(alice, path, id):
    place = f"/people/{id}{path}"
    assert (alice.send(place) if path else alice.get(place)).status_code == 404


# Roles -----------------------------------------------------------------------------------------


def test_the_boxes_give_and_take_roles(alice, app, new_role, page_of, id_of, audited):
    sales, office = new_role("Sales"), new_role("Office")
    alice.send(f"{page_of('bob')}/roles", roles=[sales, office])
    alice.send(f"{page_of('bob')}/roles", roles=[office])
    with app.app_context():
        mine = sa.select(MEMBERSHIP.c.role_id).where(MEMBERSHIP.c.person_id == id_of("bob"))
        assert list(db.session.scalars(mine)) == [office]
    assert audited()[0][:2] == ("role taken", "Sales: Bob Brown <bob@example.com>")
    before = audited()
    alice.send(f"{page_of('bob')}/roles", roles=[office])
    assert audited() == before, "what stays as it is is not noted"


@pytest.mark.parametrize("role", ["77", "x"])
def test_a_role_that_is_not_there_changes_nothing(alice, new_role, page_of, role, audited):
    new_role("Sales")
    before = audited()
    answer = alice.send(f"{page_of('bob')}/roles", roles=role)
    assert answer.status_code == 422
    assert "Error: " in answer.text
    assert audited() == before


# Access ----------------------------------------------------------------------------------------


def test_a_disabled_person_is_out_at_once_and_can_be_let_in_again(
    alice, bob, client, app, page_of, id_of, audited
):
    key(app, id_of("bob"))
    link = link_in(alice.send(f"{page_of('bob')}/link").text)
    alice.send(f"{page_of('bob')}/disable")
    assert bob.get("/").location == "/auth/login?next=/"
    assert client.get(link).status_code == 404
    assert count(app, Token) == 0
    alice.send(f"{page_of('bob')}/enable")
    assert bob.get("/").status_code == 303, "the old session stays ended"
    assert client.send("/auth/login", email="bob@example.com", password=PASSWORD).location == "/"
    assert [one[0] for one in audited()[:3]] == ["signed in", "person enabled", "person disabled"]


def test_one_cannot_disable_oneself(alice, page_of):
    assert ">Disable<" not in alice.get(page_of("alice")).text
    answer = alice.send(f"{page_of('alice')}/disable")
    assert answer.status_code == 409
    assert "This is you" in answer.text


def test_c6_the_last_administrator_stays_one(alice, app, page_of, id_of):
    answer = alice.send(f"{page_of('alice')}/end-admin")
    assert answer.status_code == 409
    assert "last administrator" in answer.text
    with app.app_context(), pytest.raises(Conflict):
        people.disable("alice@example.com")
    alice.send(f"{page_of('bob')}/make-admin")
    assert alice.send(f"{page_of('alice')}/end-admin").location == "/"
    assert alice.get("/people/").status_code == 403


def test_c6_an_administrator_without_a_password_or_disabled_does_not_count(alice, page_of):
    alice.send("/people/invite", email="dora@example.com", admin="y")
    alice.send(f"{page_of('charlie')}/make-admin")
    assert alice.send(f"{page_of('alice')}/end-admin").status_code == 409


@pytest.mark.parametrize("act", ["end-admin", "disable"])
def test_c6_two_administrators_who_remove_each_other_leave_one(each_app, id_of, act):
    app = each_app
    with app.app_context(), writing() as session:  # the cast of PostgreSQL has no passwords
        session.execute(sa.update(Person).values(password_hash="set"))
        session.execute(sa.update(Person).where(Person.id == id_of("bob")).values(admin=True))
    both = {"alice": "bob", "bob": "alice"}
    browsers = {who: sign_in(app, who) for who in both}
    codes, ready = [], threading.Barrier(2)

    def remove(who, other):
        ready.wait()
        codes.append(browsers[who].send(f"/people/{id_of(other)}/{act}").status_code)

    for _ in range(5):
        threads = [threading.Thread(target=remove, args=pair) for pair in both.items()]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        with app.app_context():
            assert len(people.active_admins()) == 1
            with writing() as session:
                cast = sa.update(Person).where(
                    Person.email.in_(f"{one}@example.com" for one in both)
                )
                session.execute(cast.values(admin=True, active=True))
        browsers = {who: sign_in(app, who) for who in both}
    assert 303 in codes


def test_c6_nobody_but_an_administrator_makes_one_whatever_the_door(app, id_of):
    with app.app_context():
        bob = Actor.of(people.find("bob@example.com"))
        for act in (
            lambda: people.set_admin("bob@example.com", True, bob),
            lambda: people.add("x@example.com", admin=True, by=bob),
            lambda: people.set_roles(bob.id, [], bob),
            lambda: people.reset_link("alice@example.com", bob),
            lambda: people.disable("alice@example.com", bob),
        ):
            with pytest.raises(Forbidden):
                act()


# Passwords and sessions ------------------------------------------------------------------------


def test_a9_a_password_link_works_once_and_ends_sessions_keys_and_other_links(
    alice, bob, client, app, page_of, id_of, audited
):
    key(app, id_of("bob"))
    old = link_in(alice.send(f"{page_of('bob')}/link").text)
    new = link_in(alice.send(f"{page_of('bob')}/link").text)
    assert client.get(old).status_code == 404, "a new link ends the one before"
    assert client.send(new, password="several good words").location == "/auth/login"
    assert client.send(new, password="several other words").status_code == 404
    assert bob.get("/").status_code == 303
    assert count(app, Token) == 0
    assert audited()[0] == ("password set", "Bob Brown <bob@example.com>", "Bob Brown")
    assert audited()[1] == ("password link made", "Bob Brown <bob@example.com>", "Alice Adams")


def test_a9_a_link_dies_when_the_password_is_changed_otherwise(alice, bob, client, page_of):
    link = link_in(alice.send(f"{page_of('bob')}/link").text)
    fields = {"current": PASSWORD, "password": "several good words"}
    assert bob.send("/auth/account/password", **fields).status_code == 303
    assert client.get(link).status_code == 404


def test_a_password_link_for_somebody_disabled_is_refused(alice, page_of):
    assert alice.send(f"{page_of('charlie')}/link").status_code == 409


def test_b3_an_administrator_sees_and_ends_all_sessions_of_a_person(
    alice, bob, app, page_of, audited
):
    other = sign_in(app, "bob")
    page = alice.get(page_of("bob")).text
    assert page.count('data-label="Last used"') == 2
    assert "127.0.0.1" in page
    alice.send(f"{page_of('bob')}/end-sessions")
    assert bob.get("/").status_code == other.get("/").status_code == 303
    assert "Not signed in anywhere" in alice.get(page_of("bob")).text
    assert audited()[0] == ("sessions ended", "Bob Brown <bob@example.com>", "Alice Adams")


def test_b3_ending_ones_own_sessions_there_keeps_the_present_one(alice, app, page_of):
    other = sign_in(app, "alice")
    alice.send(f"{page_of('alice')}/end-sessions")
    assert alice.get("/").status_code == 200
    assert other.get("/").status_code == 303


# Seeing the app as somebody else ---------------------------------------------------------------


def test_an_administrator_sees_the_app_as_a_member_does_and_changes_nothing(
    alice, page_of, audited, app
):
    assert alice.send(f"{page_of('bob')}/see").location == "/"
    page = alice.get("/")
    assert "You see the app as Bob Brown does" in page.text
    assert 'action="/people/stop-seeing"' in page.text
    assert 'href="/people/"' not in page.text
    assert alice.get("/people/").status_code == 403
    refused = alice.send("/auth/account", name="Rob", theme="auto", density="default")
    assert refused.status_code == 403
    assert "change nothing" in refused.text
    assert alice.send("/auth/logout").status_code == 403
    with app.app_context():
        assert people.find("bob@example.com").name == "Bob Brown"
    assert alice.send("/people/stop-seeing").location == "/"
    assert alice.get("/people/").status_code == 200
    assert audited()[:2] == [
        ("see as ended", "Bob Brown <bob@example.com>", "Alice Adams"),
        ("see as began", "Bob Brown <bob@example.com>", "Alice Adams"),
    ]


def test_the_hook_says_that_it_blocked_a_change(alice, page_of, trip_of):
    alice.send(f"{page_of('bob')}/see")
    trip_of(alice.send("/auth/sessions/end")).blocked_by("hooks.look_only")


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_no_method_that_changes_passes_while_one_looks(alice, page_of, method):
    alice.send(f"{page_of('bob')}/see")
    answer = getattr(alice, method)("/people/1", headers={"X-CSRFToken": alice.csrf()})
    assert answer.status_code in (403, 405)


def test_an_administrator_or_a_disabled_person_cannot_be_seen_as(alice, bob, page_of, audited):
    before = audited()
    for who in ("alice", "charlie"):
        assert alice.send(f"{page_of(who)}/see").status_code == 409
    assert audited() == before


@pytest.mark.parametrize("how", ["disabled", "made administrator"])
def test_seeing_ends_when_the_person_is_disabled_or_becomes_an_administrator(
    alice, app, page_of, how
):
    alice.send(f"{page_of('bob')}/see")
    with app.app_context():
        if how == "disabled":
            people.disable("bob@example.com")
        else:
            people.set_admin("bob@example.com", True)
    assert "You see the app as" not in alice.get("/people/").text


def test_who_is_no_administrator_any_more_sees_as_nobody(alice, app, page_of):
    alice.send(f"{page_of('bob')}/see")
    with app.app_context(), writing() as session:
        session.execute(sa.update(Person).where(Person.name == "Alice Adams").values(admin=False))
    page = alice.get("/")
    assert "You see the app as" not in page.text
    assert "Alice Adams" in page.text


def test_seeing_concerns_one_session_and_stopping_twice_does_no_harm(alice, app, page_of):
    other = sign_in(app, "alice")
    alice.send(f"{page_of('bob')}/see")
    assert other.get("/people/").status_code == 200
    for _ in range(2):
        assert alice.send("/people/stop-seeing").status_code == 303


# Helpers ---------------------------------------------------------------------------------------


def key(app, person_id):
    """An API key of this person."""
    with app.app_context(), writing() as session:
        session.add(Token(person_id=person_id, name="k", token_hash="0" * 64, begins="rt_0"))


def count(app, model):
    with app.app_context():
        return db.session.scalar(sa.select(sa.func.count(model.id)))


def test_a_session_of_a_disabled_person_never_works_even_when_its_row_is_there(app, bob, id_of):
    with bob.session_transaction() as kept, app.app_context():
        with writing() as session:
            session.execute(sa.update(Person).where(Person.id == id_of("bob")).values(active=False))
        assert count(app, Session) == 1
        assert sessions.actor_of(kept["_user_id"]) is None
