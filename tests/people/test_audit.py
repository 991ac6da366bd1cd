"""The audit list: what is noted, by whom, and that nothing changes it."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from app import audit, people
from app.database import writing
from app.errors import Conflict
from app.extensions import db
from app.models import Event, Person
from tests.conftest import PASSWORD


def last_line(caplog):
    """The newest line of the audit log."""
    return [one.getMessage() for one in caplog.records if one.name == "roundtrip.audit"][-1]


def test_i1_each_act_has_who_what_about_where_and_its_trip(alice, page_of, app, id_of, caplog):
    caplog.set_level("INFO", "roundtrip.audit")
    answer = alice.send(f"{page_of('bob')}/make-admin")
    with app.app_context():
        (event,) = db.session.scalars(
            sa.select(Event)
            .where(Event.action == "administrator made")
            .order_by(Event.id.desc())
            .limit(1)
        )
        assert event.person_id == id_of("alice")
        assert event.address == "127.0.0.1"
        assert event.trip == answer.headers["X-Trip-Id"]
        assert event.created_at.tzinfo is not None
    line = last_line(caplog)
    for fact in (
        'who="Alice Adams"',
        'what="administrator made"',
        'about="Bob Brown <bob@example.com>"',
        'address="127.0.0.1"',
        f'trip="{event.trip}"',
    ):
        assert fact in line


def test_i1_signing_in_is_noted_and_failing_is_a_line_in_the_log(client, audited, caplog):
    caplog.set_level("INFO", "roundtrip.audit")
    before = audited()
    client.send("/auth/login", email="bob@example.com", password="wrong password")
    assert audited() == before
    assert 'what="sign-in failed" about="Bob Brown <bob@example.com>"' in last_line(caplog)
    client.send("/auth/login", email="my secret words", password="bob@example.com")
    assert "my secret words" not in caplog.text, "it may be a password in the wrong field"
    assert 'about="unknown email"' in last_line(caplog)
    client.send("/auth/login", email="bob@example.com", password=PASSWORD)
    assert audited()[0][0] == "signed in" and audited()[0][2] == "Bob Brown"


def test_a_text_makes_no_log_line_of_its_own(app, caplog):
    caplog.set_level("INFO", "roundtrip.audit")
    with app.app_context():
        audit.note_failure("tried", 'x\r\nwho="Alice" é')
    line = last_line(caplog)
    assert "\n" not in line and "\r" not in line
    assert r'about="x\r\nwho=\"Alice\" \u00e9"' in line


def test_in_a_command_it_is_the_operator_who_acts(runner, audited):
    runner.invoke(args=["user", "disable", "bob@example.com"])
    assert audited()[0] == ("person disabled", "Bob Brown <bob@example.com>", "command line")


def test_what_failed_is_not_noted(app, audited):
    before = audited()
    with app.app_context(), pytest.raises(Conflict):
        people.disable("alice@example.com")
    assert audited() == before


def test_i5_no_address_changes_or_deletes_an_entry(app):
    rules = [
        rule
        for rule in app.url_map.iter_rules()
        if "event" in rule.rule or "event" in rule.endpoint
    ]
    assert rules
    assert all(rule.methods <= {"GET", "HEAD", "OPTIONS"} for rule in rules)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_i5_no_role_can_change_the_list(alice, bob, method):
    for browser in (alice, bob):
        answer = getattr(browser, method)(
            "/people/events/", headers={"X-CSRFToken": browser.csrf()}
        )
        assert answer.status_code == 405


def test_i5_code_that_would_change_an_entry_fails(app):
    with app.app_context():
        with writing():
            audit.note("tried")
        for change in (lambda one: setattr(one, "about", "x"), db.session.delete):
            with pytest.raises(RuntimeError), writing() as session:
                change(session.scalar(sa.select(Event).where(Event.action == "tried")))


def test_i5_what_somebody_did_stays_when_they_are_gone(alice, app, id_of, client):
    client.send("/auth/login", email="bob@example.com", password=PASSWORD)
    with app.app_context(), writing() as session:
        session.execute(sa.delete(Person).where(Person.id == id_of("bob")))
    with app.app_context():
        event = db.session.scalar(
            sa.select(Event).where(Event.action == "signed in").order_by(Event.id.desc()).limit(1)
        )
        assert (event.person, event.person_id) == ("Bob Brown", None)
    assert "Bob Brown" in alice.get("/people/events/").text


def test_the_list_is_paged_by_key_the_newest_first(alice, app):
    with app.app_context(), writing():
        for n in range(150):
            audit.note("tried", f"number {n:03}")
    first = alice.get("/people/events/?action=tried").text
    assert first.index("number 149") < first.index("number 050")
    assert "number 049" not in first
    following = re.search(r'href="([^"]+)" rel="next"', first)[1].replace("&amp;", "&")
    assert "before=" in following and "action=tried" in following
    second = alice.get(following).text
    assert "number 049" in second and "number 050" not in second and 'rel="next"' not in second


def test_the_list_can_be_narrowed_to_a_person_and_an_action(alice, page_of, id_of):
    alice.send(f"{page_of('bob')}/make-admin")
    alice.send(f"{page_of('charlie')}/enable")
    page = alice.get(f"/people/events/?person={id_of('bob')}").text.partition("<tbody")[2]
    assert "Administrator made" in page and "Charlie" not in page
    page = alice.get("/people/events/?action=person+enabled").text.partition("<tbody")[2]
    assert "Charlie" in page and "Administrator made" not in page
    assert "Bob Brown, or about them" in alice.get(f"/people/events/?person={id_of('bob')}").text
    assert "about people, roles and keys" in alice.get("/people/events/").text
    assert "Nothing fits" in alice.get("/people/events/?action=flown").text


@pytest.mark.parametrize(
    "query, code", [("person=999", 404), ("person=x", 400), ("before=-1", 400), ("q=x", 400)]
)
def test_what_the_audit_list_does_not_know_is_refused(alice, query, code):
    assert alice.get(f"/people/events/?{query}").status_code == code


# Commands --------------------------------------------------------------------------------------


def test_a_person_is_added_with_roles_by_a_command(runner, new_role):
    new_role("Sales"), new_role("Office")
    done = runner.invoke(
        args=["user", "add", "dora@example.com", "--role", "sales", "--role", "Office"]
    )
    assert done.exit_code == 0, done.output
    listed = runner.invoke(args=["user", "list"]).output
    assert "dora@example.com\tdora\t\tOffice, Sales" in listed
    assert '"roles": ["Office", "Sales"]' in runner.invoke(args=["user", "list", "--json"]).output


def test_an_unknown_role_is_refused_and_those_that_exist_are_named(runner, new_role, app):
    new_role("Sales"), new_role("Office")
    done = runner.invoke(args=["user", "add", "dora@example.com", "--role", "Sails"])
    assert done.exit_code != 0
    assert "There is no role “Sails”. The roles are: Office, Sales" in done.output
    with app.app_context():
        assert "dora@example.com" not in [one.email for one in people.everybody()]


def test_roles_are_listed_by_a_command(runner, new_role):
    new_role("Sales", description="Sells"), new_role("Office")
    told = runner.invoke(args=["role", "list"]).output
    assert told == "Office\t0\tnothing yet\nSales\t0\tnothing yet\n"
    assert '"name": "Office"' in runner.invoke(args=["role", "list", "--json"]).output
