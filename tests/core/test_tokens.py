"""Keys for programs: what one is, what it opens, and when it ends."""

from __future__ import annotations

import threading
from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from app import audit, people, tokens
from app.errors import BadKey, Forbidden, Invalid, NotFound
from app.extensions import db, utcnow
from app.models import Event, Token
from app.permissions import Actor

pytest.importorskip("blueprints.equipment", reason="the pages of the example are asked")


def actor(first: str) -> Actor:
    return Actor.of(people.find(f"{first}@example.com"))


@pytest.fixture
def key(app):
    """Makes a key: whose, and what `tokens.create` takes; returns its number and text."""

    def make(first, scope="read", **more):
        with app.app_context():
            made, text = tokens.create(actor(first), "Script", scope, **more)
            return made.id, text

    return make


def bearer(text):
    return {"Authorization": f"Bearer {text}", "Accept": "application/json"}


@given(st.text(max_size=60))
def test_no_text_but_a_key_is_taken_for_one(text):
    assert not tokens.is_key(text)


@given(st.integers(3, 40), st.sampled_from(tokens.LETTERS))
def test_a_key_with_another_letter_is_none(place, letter):
    text = tokens.new_key()
    assert tokens.is_key(text) and len(text) == 41 and text.startswith("rt_")
    other = text[:place] + letter + text[place + 1 :]
    assert other == text or not tokens.is_key(other)


def test_of_a_key_only_its_hash_is_stored(app, key):
    number, text = key("bob")
    with app.app_context():
        row = db.session.get(Token, number)
        stored = {str(value) for value in vars(row).values()}
        assert text not in stored and not any(text[8:] in one for one in stored)
        assert row.begins == text[:8]


def test_a_key_opens_what_its_person_may_and_is_seen_to_be_used(app, client, key):
    number, text = key("bob")
    answer = client.get("/", headers=bearer(text))
    assert answer.status_code == 200 and "Bob Brown" in answer.text
    with app.app_context():
        assert db.session.get(Token, number).last_used_at is not None


@pytest.mark.parametrize("text", ["", "x", "rt_", "rt_" + "a" * 38, "ein Schlüssel", "rt_\x00"])
def test_a_key_that_is_none_is_refused_also_where_a_session_would_do(bob, text):
    answer = bob.get("/", headers=bearer(text.encode("utf-8").decode("latin-1")))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.mimetype == "application/problem+json"


def test_a_key_ends_when_it_expires_is_revoked_or_its_person_is_disabled(app, client, key):
    ended = []
    for end in ("expire", "revoke", "disable"):
        number, text = key("bob")
        assert client.get("/", headers=bearer(text)).status_code == 200
        with app.app_context():
            if end == "expire":
                db.session.get(Token, number).expires_at = utcnow() - timedelta(seconds=1)
                db.session.commit()
            elif end == "revoke":
                tokens.revoke(actor("bob"), number)
            else:
                people.disable("bob@example.com")
        ended.append(client.get("/", headers=bearer(text)).status_code)
    assert ended == [401, 401, 401]


def test_a_key_ends_when_the_password_changes(app, client, key):
    _number, text = key("bob")
    with app.app_context():
        person = people.find("bob@example.com")
        hashed = people.hash_new(person, "several other words")
        with people.writing():
            people.set_password(person.id, hashed)
    assert client.get("/", headers=bearer(text)).status_code == 401


def test_c7_a_key_that_reads_changes_nothing_on_any_page(client, key):
    _number, text = key("alice", "read")
    for url in ("/equipment/load", "/auth/logout", "/tools/equipment/item/new"):
        answer = client.post(url, headers=bearer(text), data={})
        assert answer.status_code in (302, 303, 403, 404, 405), url
        if answer.status_code == 403:
            assert "“read”" in answer.json["detail"] or "scope" in answer.json["detail"]


def test_c7_a_key_for_one_table_opens_no_other_and_no_other_page(app, client, key):
    with app.app_context():
        from app.tables import catalog

        loan = catalog.tables()["equipment", "loan"].table.id
    _number, text = key("alice", "admin", tables=[loan])
    assert client.get("/tools/equipment/loan/", headers=bearer(text)).status_code == 200
    for url, status in (
        ("/tools/equipment/item/", 404), ("/trips/", 403), ("/jobs/", 403), ("/docs/", 403),
        ("/auth/account", 403), ("/", 200),
    ):  # fmt: skip
        answer = client.get(url, headers=bearer(text))
        assert answer.status_code == status, url


def test_keys_are_made_only_as_far_as_one_may_oneself(app, key):
    with app.app_context():
        bob = actor("bob")
        with pytest.raises(Forbidden):
            tokens.create(bob, "Mine", "admin")
        for wrong in ({"name": ""}, {"name": "x", "scope": "all"}, {"name": "x", "days": 0}):
            with pytest.raises(Invalid):
                tokens.create(bob, **wrong)
        _made, text = tokens.create(actor("alice"), "Hers")
        with pytest.raises(Forbidden):
            tokens.create(tokens.actor_of(text), "More")
        hers = tokens.of_person(actor("alice").id)[0].id
        with pytest.raises(NotFound):
            tokens.revoke(bob, hers)
        with pytest.raises(BadKey):
            tokens.actor_of(text + "x")


def test_the_audit_list_says_who_made_and_revoked_a_key(app):
    with app.app_context():
        bob, alice = actor("bob"), actor("alice")
        made, _text = tokens.create(bob, "Script", "write")
        tokens.revoke(alice, made.id)
        found = db.session.query(Event).order_by(Event.id.desc()).limit(2).all()
        told = [(one.action, one.about, one.person_id) for one in reversed(found)]
        called = f"Script ({made.begins}…, write) of Bob Brown <bob@example.com>"
        assert told == [
            ("key made", called, bob.id), ("key revoked", called, alice.id),
        ]  # fmt: skip


def test_trying_keys_is_slowed_down(client):
    answers = [client.get("/", headers=bearer(f"rt_{i}")).status_code for i in range(40)]
    assert answers[0] == 401 and answers[-1] == 429


def test_a_key_that_is_ended_for_good_is_not_brought_back_at_that_moment(
    on_each_database, monkeypatch
):
    app, told, note = on_each_database, [], audit.note
    with app.app_context():
        alice, bob = (Actor.of(people.find(f"{one}@example.com")) for one in ("alice", "bob"))
        key_id = tokens.create(bob, "Script", "read")[0].id
        tokens.revoke(bob, key_id)

    def bring_back():
        with app.app_context(), pytest.raises(NotFound) as error:
            tokens.undo_revoke(bob, key_id)
        told.append(error.value)

    def note_later(action, *rest):
        if action == "key revoked":  # the owner comes in between
            owner.start()
            owner.join(0.5)
        note(action, *rest)

    owner = threading.Thread(target=bring_back)
    monkeypatch.setattr(audit, "note", note_later)
    with app.app_context():
        tokens.revoke(alice, key_id)
        owner.join()
        assert told and db.session.get(Token, key_id) is None
