"""Who may use a table: said by whoever may share it, who can give no more than they have."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from app import roles
from app.errors import Forbidden
from app.extensions import db
from app.models import Change, Definition
from app.permissions import EDITING, READING
from app.tables import catalog, changing
from tests.people.granted import CASES, SHARING, actor, main

SHARER = READING | {"share"}


def version(app, cases):
    with app.app_context():
        return db.session.get_one(Definition, cases).version


def access(app, cases):
    with app.app_context():
        return db.session.get_one(Definition, cases).access


def given(app, role_id):
    """What a role gives on all records of the cases."""
    with app.app_context():
        return roles.given_on(roles.get(role_id), catalog.tables()["cases", "case"])


# Everybody -------------------------------------------------------------------------------------


def test_whoever_may_share_opens_a_table_to_everybody(app, alice, bob, cases):
    assert bob.get(CASES).status_code == 404
    sent = {"version": version(app, cases), "access": "read"}
    assert alice.send(f"{SHARING}access", **sent).location == SHARING
    assert bob.get(CASES).status_code == 200 and bob.get(f"{CASES}new").status_code == 403
    assert alice.send(f"{SHARING}access", **sent).status_code == 409, "of two the second is told"
    with app.app_context():
        found = db.session.scalars(sa.select(Change).order_by(Change.id.desc())).first()
        assert (found.action, found.data["new"]["access"]) == ("design", "read")


@pytest.mark.parametrize("wrong", ["", "everything", "private; drop"])
def test_an_access_that_there_is_not_is_refused(app, alice, cases, wrong):
    sent = {"version": version(app, cases), "access": wrong}
    answer = alice.send(f"{SHARING}access", **sent)
    assert answer.status_code == 422 and "Choose who may use it" in answer.text
    assert access(app, cases) == "private"


def test_nobody_opens_more_to_everybody_than_they_have(app, bob, cases, role_of_bob, on_cases):
    role_of_bob(on_cases(SHARER))
    page = bob.get(SHARING).text
    assert re.search(r'value="edit"[^>]* disabled', page)
    assert not re.search(r'value="read"[^>]* disabled', page)
    refused = bob.send(f"{SHARING}access", version=version(app, cases), access="edit")
    assert refused.status_code == 403 and "You cannot give “create, update, delete" in refused.text
    assert (
        bob.send(f"{SHARING}access", version=version(app, cases), access="read").status_code == 303
    )
    assert access(app, cases) == "read"


# Roles -----------------------------------------------------------------------------------------


def test_what_a_role_gives_is_said_on_the_page_of_the_table(app, alice, bob, role_of_bob):
    role = role_of_bob()
    sent = {f"version-{role}": 1, f"do-{role}": ["read", "update"]}
    assert alice.send(SHARING, **sent).status_code == 303
    assert given(app, role) == {"list", "read", "update"}
    assert bob.get(f"{CASES}1/edit").status_code == 200
    assert alice.send(SHARING, **sent).status_code == 409
    assert alice.send(SHARING, **{f"version-{role}": 2}).status_code == 303
    assert given(app, role) == set()
    assert bob.get(CASES).status_code == 404


def test_nobody_gives_more_than_they_have_and_takes_no_more_either(
    app, bob, cases, role_of_bob, on_cases
):
    mine = role_of_bob(on_cases(SHARER))
    other = role_of_bob(on_cases({"list", "delete"}), name="Others", has=("alice",))
    page = bob.get(SHARING).text
    boxes = dict(re.findall(r'aria-label="Others: (\w+)"([^>]*)', page))
    assert "disabled" in boxes["delete"] and "disabled" not in boxes["export"]
    seen = {f"version-{mine}": 1, f"version-{other}": 1, f"do-{mine}": [*SHARER]}
    refused = bob.send(SHARING, **seen, **{f"do-{other}": ["list", "update"]})
    assert refused.status_code == 403 and "You cannot give “update”" in refused.text
    assert given(app, other) == {"list", "delete"}, "nothing is saved of it"
    assert bob.send(SHARING, **seen, **{f"do-{other}": ["list", "export"]}).status_code == 303
    assert given(app, other) == {"list", "delete", "export"}, "what he has not, he cannot take"
    assert given(app, mine) == SHARER


def test_lines_with_a_rule_stay_and_are_read_in_words(app, alice, bob, role_of_bob, on_cases):
    role = role_of_bob(on_cases(EDITING, "owner == me"), on_cases(SHARER))
    for client, link in ((bob, False), (alice, True)):
        page = client.get(SHARING).text
        assert "also edits, where Owner is the person who asks" in main(page)
        assert (f'href="/people/roles/{role}/grants/1"' in page) is link
        assert (f'href="/people/roles/{role}"' in page) is link
    alice.send(SHARING, **{f"version-{role}": 1})
    with app.app_context():
        assert [one.rule for one in roles.grants_in(roles.get(role))] == ["owner == me"]


def test_who_may_use_it_is_told_with_the_reasons(alice, role_of_bob, on_cases):
    role_of_bob(on_cases(READING, "owner == me"))
    page = main(alice.get(SHARING).text)
    assert "everything (administrators)" in page
    assert "reads, where Owner is the person who asks (role Sales)" in page
    assert "Charlie Clark" not in page


@pytest.mark.parametrize("wrong", [{"do-1": "fly"}, {"version-x": "1", "version-": "2"}])
def test_what_no_role_can_be_told_changes_nothing(app, alice, role_of_bob, wrong):
    role = role_of_bob()
    answer = alice.send(SHARING, **{f"version-{role}": 1, **wrong})
    assert answer.status_code in (303, 422)
    assert given(app, role) == set()


def test_a_role_that_is_gone_is_not_found(alice, cases):
    assert alice.send(SHARING, **{"version-99": 1, "do-99": "list"}).status_code == 404


# Who comes here --------------------------------------------------------------------------------


def test_others_do_not_come_to_the_page(bob, client, cases, role_of_bob, on_cases):
    assert bob.get(SHARING).status_code == 404
    role_of_bob(on_cases(EDITING | {"design"}))
    for answer in (
        bob.get(SHARING),
        bob.send(SHARING),
        bob.send(f"{SHARING}access", access="edit"),
    ):
        assert answer.status_code == 403
    assert client.get(SHARING).location.startswith("/auth/login")
    assert bob.get("/people/tables/cases/nothing/").status_code == 404


def test_the_list_leads_to_it_for_whoever_may_share(alice, bob, role_of_bob, on_cases):
    assert f'href="{SHARING}"' in alice.get(CASES).text
    role_of_bob(on_cases(READING))
    assert SHARING not in bob.get(CASES).text
    role_of_bob(on_cases({"share"}), name="Sharers")
    assert SHARING in bob.get(CASES).text


def test_who_takes_their_own_right_away_lands_at_home(bob, role_of_bob, on_cases):
    role = role_of_bob(on_cases(SHARER))
    assert bob.send(SHARING, **{f"version-{role}": 1, f"do-{role}": "list"}).location == "/"
    assert bob.get(SHARING).status_code == 403


# Designing is not sharing ----------------------------------------------------------------------

DESIGN = "/studio/cases/case/"


def drawn(page):
    """What the designer sends as it is."""
    form = page.partition('id="design"')[2].partition("</form>")[0]
    sent: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = (re.search(rf' {word}="([^"]*)"', tag) for word in ("name", "value"))
        is_box = re.search('type="(checkbox|radio)"', tag)
        if name and (not is_box or " checked" in tag):
            sent.setdefault(name[1], []).append(value[1] if value else "on")
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        sent[name] = (re.findall(r'value="([^"]*)"[^>]* selected', options) or [""])[:1]
    for name, text in re.findall(
        r'<textarea[^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.S
    ):
        sent[name] = [text]
    return sent


def test_a_designer_who_may_not_share_keeps_the_access_as_it_is(
    app, bob, cases, role_of_bob, on_cases
):
    role_of_bob(on_cases(READING | {"design"}))
    page = bob.get(DESIGN).text
    assert 'name="access"' not in page
    sent = drawn(page) | {"label": "Claims", "access": "edit"}
    sent.pop("csrf_token")
    answer = bob.send(DESIGN, **sent)
    assert answer.status_code == 303, main(answer.text)
    assert access(app, cases) == "private"
    with app.app_context():
        assert catalog.by_id(cases).table.label == "Claims"


def test_the_engine_refuses_it_too(app, cases, role_of_bob, on_cases):
    role_of_bob(on_cases(READING | {"design"}))
    from dataclasses import replace

    with app.app_context():
        live = catalog.by_id(cases)
        wider = replace(live.table, access="edit")
        with pytest.raises(Forbidden, match="share"):
            changing.apply(actor("bob"), live, wider, live.table.version)
        with pytest.raises(Forbidden, match="share"):
            changing.open_up(actor("bob"), live, live.table.version, "read")


def test_a_designer_who_may_share_is_offered_it(alice, cases):
    assert 'name="access"' in alice.get(DESIGN).text
