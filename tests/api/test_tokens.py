"""Keys: their pages, their commands, and what the audit list says of them."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app import jobs, tokens
from app.extensions import db, utcnow
from app.models import Event, Session, Token
from app.tables import catalog
from tests.api.conftest import API

pytestmark = pytest.mark.parametrize("on_each_database", ["sqlite"], indirect=True)
"""What is asked here does not depend on the database."""


NEW = "/api/tokens/new"


def shown(answer):
    """The key that a page shows."""
    assert answer.status_code == 200, answer.text
    return re.search(r'id="key">(rt_\w+)<', answer.text)[1]


def opens(client, key, url="/api/v1/"):
    return client.get(url, headers={"Authorization": f"Bearer {key}"}).status_code


def audited(app):
    with app.app_context():
        return [(one.action, one.about) for one in db.session.scalars(sa.select(Event))]


# Pages -----------------------------------------------------------------------------------------


def test_a_key_is_made_shown_once_listed_and_revoked(app, bob, client):
    key = shown(bob.send(NEW, name="Nightly report", scope="read", days="90"))
    assert opens(client, key) == 200
    page = bob.get("/api/tokens").text
    assert "Nightly report" in page and key[:8] in page and key not in page
    assert "never</td>" not in page.partition("Last used")[2].partition("Expires")[0]
    number = re.search(r"/api/tokens/(\d+)/revoke", page)[1]
    assert bob.send(f"/api/tokens/{number}/revoke").status_code == 303
    assert opens(client, key) == 401
    assert "You have no API keys" in bob.get("/api/tokens").text
    made, revoked = [one for one in audited(app) if one[0].startswith("key")]
    assert made[0] == "key made" and revoked[0] == "key revoked"
    assert "Nightly report" in made[1] and key[:8] in made[1] and key not in str((made, revoked))


def test_the_lines_that_a_new_key_is_shown_with_can_be_pasted_as_they_stand(bob):
    page = bob.send(NEW, name="Mine", scope="read", days="90")
    first, second = html.unescape(re.search(r'id="line">(.*?)</code>', page.text, re.S)[1]).split(
        "\n"
    )
    assert first == f"KEY={shown(page)}"
    assert second == 'curl -H "Authorization: Bearer $KEY" http://localhost/api/v1/'


def test_revoking_a_key_of_ones_own_can_be_undone(app, bob, client, program):
    script = program("bob")
    assert bob.send(f"/api/tokens/{script.number}/revoke").status_code == 303
    page = bob.get("/api/tokens").text
    assert "Script revoked" in page and f'action="/api/tokens/{script.number}/undo"' in page
    assert opens(client, script.key) == 401
    assert bob.send(f"/api/tokens/{script.number}/revoke").status_code == 404
    assert bob.send(f"/api/tokens/{script.number}/undo").status_code == 303
    back = bob.get("/api/tokens").text
    assert "Undone: Script opens again" in back and f"/{script.number}/revoke" in back
    assert opens(client, script.key) == 200
    assert bob.send(f"/api/tokens/{script.number}/undo").status_code == 404
    told = [action for action, _about in audited(app) if action.startswith("key")]
    assert told == ["key made", "key revoked", "key brought back"]


def test_nobody_but_its_owner_in_person_brings_a_key_back(app, alice, bob, client, program):
    script, other = program("bob"), program("bob", "design")
    assert bob.send(f"/api/tokens/{script.number}/revoke").status_code == 303
    assert alice.send(f"/api/tokens/{script.number}/undo").status_code == 404
    assert other.post(f"/api/tokens/{script.number}/undo").status_code == 403
    assert client.post(f"/api/tokens/{script.number}/undo").status_code in (302, 303)
    assert opens(client, script.key) == 401


def test_what_an_administrator_or_the_operator_ends_stays_ended(app, alice, bob, runner, client, program):  # fmt: skip
    first, second, third = (program("bob") for _ in range(3))
    assert alice.send(f"/api/tokens/{first.number}/revoke").status_code == 303
    page = alice.get("/api/tokens").text
    assert "revoked for good" in page and "/undo" not in page
    assert "for good" in runner.invoke(args=["token", "revoke", str(second.number)]).output
    bob.send(f"/api/tokens/{third.number}/revoke")
    assert "\trevoked" in runner.invoke(args=["token", "list"]).stdout
    assert alice.send(f"/api/tokens/{third.number}/revoke").status_code == 303
    for one in (first, second, third):
        assert bob.send(f"/api/tokens/{one.number}/undo").status_code == 404
        assert opens(client, one.key) == 401


def test_a_revoked_key_is_kept_for_a_day_and_then_gone(app, bob, client, program):
    script = program("bob")
    bob.send(f"/api/tokens/{script.number}/revoke")
    with app.app_context():
        tokens.sweep()
        db.session.get_one(Token, script.number).revoked_at = utcnow() - tokens.KEPT
        db.session.commit()
    assert bob.send(f"/api/tokens/{script.number}/undo").status_code == 404
    with app.app_context():
        assert tokens.sweep in jobs.SWEEPS
        tokens.sweep()
        assert db.session.get(Token, script.number) is None
    assert opens(client, script.key) == 401


def test_keys_that_open_nothing_any_more_are_marked_and_not_counted(app, bob, program, monkeypatch):
    monkeypatch.setattr(tokens, "MOST", 2)
    over, revoked = program("bob"), program("bob")
    end(app, over.number)
    page = bob.get("/api/tokens").text
    assert '<span class="status neutral">expired</span>' in page and "1 of 2" in page
    works = program("bob")
    refused = bob.send(NEW, name="One more", scope="read", days="90")
    assert refused.status_code == 422 and "One person has up to 2 keys" in refused.text
    bob.send(f"/api/tokens/{revoked.number}/revoke")
    assert bob.send(NEW, name="One more", scope="read", days="90").status_code == 200
    assert bob.send(f"/api/tokens/{revoked.number}/undo").status_code == 422
    assert works.get("/api/v1/").status_code == 200


def end(app, number):
    """Let a key expire."""
    with app.app_context():
        db.session.get_one(Token, number).expires_at = utcnow() - timedelta(seconds=1)
        db.session.commit()


def test_a_key_without_end_and_for_one_table(app, alice, client, orders):
    with app.app_context():
        table = catalog.tables()["orders", "orders"].table.id
    key = shown(alice.send(NEW, name="One", scope="write", days="", tables=table))
    with app.app_context():
        found = tokens.everything()[0][0]
        assert (found.tables, found.expires_at) == ([table], None)
    assert opens(client, key, API) == 200
    assert opens(client, key, "/api/v1/equipment/item/") == 404
    assert "Orders" in alice.get("/api/tokens").text


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": ""}, "Type a name"),
        ({"name": "x" * 101}, "1 to 100 characters"),
        ({"scope": "all"}, "read, write, design, admin"),
        ({"days": "5000"}, "Not a valid choice"),
        ({"tables": "99999"}, "not there any more"),
        ({"tables": "x"}, "Invalid"),
    ],
)
def test_what_cannot_be_a_key_is_refused_at_its_input(app, bob, sent, words):
    answer = bob.send(NEW, **{"name": "Mine", "scope": "read", "days": "90", **sent})
    assert answer.status_code == 422 and words in answer.text
    with app.app_context():
        assert not tokens.everything()


def test_nobody_makes_a_key_that_may_more_than_they(bob, alice):
    assert 'value="admin"' not in bob.get(NEW).text
    assert 'value="admin"' in alice.get(NEW).text
    assert bob.send(NEW, name="Mine", scope="admin", days="90").status_code == 403


def test_keys_are_made_in_person_and_with_a_password_that_was_typed_just_now(app, bob, program):
    for scope in ("read", "admin"):
        answer = program("alice", scope).get("/api/tokens")
        assert answer.status_code == 403
    with app.app_context():
        db.session.execute(sa.update(Session).values(signed_in_at=utcnow() - timedelta(hours=2)))
        db.session.commit()
    assert bob.get(NEW).location.startswith("/auth/confirm?next=")
    assert bob.send(NEW, name="Mine", scope="read", days="90").status_code == 403


def test_strangers_sign_in_first(client):
    assert client.get("/api/tokens").location.startswith("/auth/login")


def test_nobody_sees_or_revokes_the_key_of_another_but_an_administrator(app, alice, bob, program):
    hers, his = program("alice"), program("bob")
    assert bob.send(f"/api/tokens/{hers.number}/revoke").status_code == 404
    assert bob.send("/api/tokens/99999/revoke").status_code == 404
    assert hers.get("/api/v1/").status_code == 200
    assert alice.send(f"/api/tokens/{his.number}/revoke").status_code == 303
    assert his.get("/api/v1/").status_code == 401


def test_the_account_leads_to_the_keys(bob):
    assert 'href="/api/tokens"' in bob.get("/auth/account").text


# Commands --------------------------------------------------------------------------------------


def test_a_key_of_the_command_line_is_on_standard_output_alone(app, runner, client, orders):
    done = runner.invoke(
        args=["token", "add", "bob@example.com", "Nightly", "--table", "orders/orders"]
    )
    assert done.exit_code == 0, done.output
    key = done.stdout.strip()
    assert tokens.is_key(key) and key not in done.stderr and "bob@example.com" in done.stderr
    assert opens(client, key, API) == 200
    listed = json.loads(runner.invoke(args=["token", "list", "--json"]).stdout)
    assert [(one["email"], one["scope"], one["tables"]) for one in listed] == [
        ("bob@example.com", "read", ["orders/orders"])
    ]
    assert key[:8] in runner.invoke(args=["token", "list"]).stdout
    number = str(listed[0]["id"])
    assert runner.invoke(args=["token", "revoke", number]).exit_code == 0
    assert opens(client, key, API) == 401
    with app.app_context():
        assert {one.person for one in db.session.scalars(sa.select(Event))} >= {"command line"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "nobody@example.com", "x"], "Nobody here has the email"),
        (["add", "charlie@example.com", "x"], "is disabled"),
        (["add", "bob@example.com", ""], "1 to 100 characters"),
        (["add", "bob@example.com", "x", "--scope", "all"], "read, write, design, admin"),
        (["add", "bob@example.com", "x", "--scope", "admin"], "needs the right “people”"),
        (["add", "bob@example.com", "x", "--days", "0"], "1 to 3,650 days"),
        (["add", "bob@example.com", "x", "--table", "nope"], "sees no table nope"),
        (["revoke", "99999"], "There is no such key"),
        (["revoke", "x"], "not a valid integer"),
    ],
)
def test_a_command_that_cannot_be_done_ends_with_one_clear_line(app, runner, words, said):
    done = runner.invoke(args=["token", *words])
    assert done.exit_code != 0 and said in done.stderr and done.stdout == ""
    assert "Traceback" not in done.output
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Token)) == 0
