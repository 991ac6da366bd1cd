"""The pages of roles: made, ticked, given; what is saved is exactly what whoever has the role may do."""

from __future__ import annotations

import json
import re

import pytest
import sqlalchemy as sa

from app import roles
from app.database import writing
from app.extensions import db
from app.people import all_roles
from app.permissions import ACTIONS, ALL, EDITING, READING, Grant
from app.tables import catalog
from tests.people.granted import CASES, actor, declared_cases, form_of, grid, main


def saved(app, role_id):
    """What a role gives by now."""
    with app.app_context():
        return {(one.rule, one.actions) for one in roles.grants_in(roles.get(role_id))}


def numbers(client):
    """The cases that a list shows."""
    return sorted(map(int, re.findall(rf'href="{CASES}(\d+)"', client.get(CASES).text)))


# From nothing to a right -----------------------------------------------------------------------


def test_alice_makes_a_role_ticks_it_gives_it_and_bob_sees_exactly_that(
    app, alice, bob, cases, page_of
):
    assert bob.get(CASES).status_code == 404
    made = alice.send("/people/roles/new", name="Sales", description="Those who sell").location
    page = alice.get(made).text
    row = grid(page)["Cases"]
    sent = form_of(page, **row.tick("list", "read"))
    assert alice.send(made, **sent).status_code == 303
    role_id = int(made.rpartition("/")[2])
    assert bob.get(CASES).status_code == 404, "nobody has it yet"
    assert alice.send(f"{page_of('bob')}/roles", roles=role_id).status_code == 303
    assert numbers(bob) == [1, 2, 3, 4, 5, 6]
    assert bob.get(f"{CASES}1").status_code == 200
    for path in ("1/edit", "new", "1/history", "export.csv"):
        assert bob.get(CASES + path).status_code == 403, path
    assert bob.send(f"{CASES}1/delete", version=1).status_code == 403


def test_a_line_with_a_rule_and_a_hidden_field_shows_exactly_that(app, alice, bob, role_of_bob):
    role = role_of_bob()
    new = f"/people/roles/{role}/grants/new?table=cases/case"
    sent = {"do": ["read", "update", "export"], "rule": "owner == me", "version": 1}
    answer = alice.send(new, **sent, **{"field-amount": "hidden", "field-code": "readonly"})
    assert answer.status_code == 303
    assert numbers(bob) == [2, 4, 6]
    assert bob.get(f"{CASES}1").status_code == 404
    page = bob.get(f"{CASES}2/edit").text
    assert 'name="title"' in page and "Amount" not in page
    assert "Amount" not in bob.get(f"{CASES}export.csv").text
    page = alice.get(f"/people/roles/{role}").text
    row = grid(page)[
        "Cases where Owner is the person who asks, without Amount, with Code read-only"
    ]
    assert row.ticked == ["list", "read", "update", "export"]
    assert (
        alice.send(f"/people/roles/{role}", **form_of(page, **row.tick("list"))).status_code == 303
    )
    assert bob.get(f"{CASES}2").status_code == 403
    page = alice.get(f"/people/roles/{role}").text
    alice.send(f"/people/roles/{role}", **form_of(page, **{f"do-{row.key}": []}))
    assert saved(app, role) == set(), "a line that gives nothing is gone"


def test_the_tool_has_a_row_for_all_its_tables(app, alice, bob, role_of_bob):
    role = role_of_bob()
    page = alice.get(f"/people/roles/{role}").text
    assert alice.send(
        f"/people/roles/{role}", **form_of(page, **grid(page)["All tables of Cases"].tick("list"))
    )
    assert numbers(bob) == [1, 2, 3, 4, 5, 6]
    with app.app_context():
        assert [one.table for one in roles.grants_in(roles.get(role))] == [None]


@pytest.mark.parametrize(
    ("preset", "gives"), [("read", READING), ("edit", EDITING), ("all", ALL), ("none", None)]
)
def test_a_preset_ticks_for_whoever_has_no_scripts(
    app, alice, role_of_bob, on_cases, preset, gives
):
    role = role_of_bob(on_cases({"list", "design"}))
    page = alice.get(f"/people/roles/{role}").text
    row = grid(page)["Cases"]
    alice.send(f"/people/roles/{role}", **form_of(page, **{f"preset-{row.key}": preset}))
    assert saved(app, role) == ({("", gives)} if gives else set())


def test_everything_of_a_line_with_a_rule_leaves_out_what_goes_with_all_records(
    app, alice, role_of_bob, on_cases
):
    role = role_of_bob(on_cases({"list"}, "owner == me"))
    page = alice.get(f"/people/roles/{role}").text
    row = grid(page)["Cases where Owner is the person who asks"]
    alice.send(f"/people/roles/{role}", **form_of(page, **{f"preset-{row.key}": "all"}))
    assert saved(app, role) == {("owner == me", ALL - {"design", "share"})}


def test_the_rights_of_the_workspace_are_ticked_too(app, alice, bob, role_of_bob):
    role = role_of_bob()
    page = alice.get(f"/people/roles/{role}").text
    assert alice.send(f"/people/roles/{role}", **form_of(page, rights="trips")).status_code == 303
    with app.app_context():
        assert roles.get(role).rights == ["trips"]
    page = alice.get(f"/people/roles/{role}").text
    answer = alice.send(f"/people/roles/{role}", **form_of(page, rights="people"))
    assert answer.status_code == 422
    assert "No role can give people; one can give trips" in answer.text


# What cannot be --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "S\0les"])
def test_a_name_that_cannot_be_is_said_and_nothing_saved(app, alice, role_of_bob, name):
    role = role_of_bob()
    page = alice.get(f"/people/roles/{role}").text
    for path, sent in (
        ("/people/roles/new", {"name": name}),
        (f"/people/roles/{role}", form_of(page, name)),
    ):
        answer = alice.send(path, **sent)
        assert answer.status_code == 422
        assert "<title>Error: " in answer.text and 'id="name-error"' in answer.text
    with app.app_context():
        assert [one.name for one in all_roles()] == ["Sales"]


def test_two_roles_never_have_the_same_name(app, alice, role_of_bob):
    role_of_bob()
    answer = alice.send("/people/roles/new", name="SALES")
    assert answer.status_code == 422
    assert "There is a role SALES already" in answer.text


def test_what_goes_with_all_records_is_refused_at_its_row_and_ticks_stay(
    app, alice, role_of_bob, on_cases
):
    role = role_of_bob(on_cases({"list"}, "owner == me"))
    page = alice.get(f"/people/roles/{role}").text
    row = grid(page)["Cases where Owner is the person who asks"]
    answer = alice.send(f"/people/roles/{role}", **form_of(page, **row.tick("list", "share")))
    assert answer.status_code == 422
    assert f'href="#preset-{row.key}"' in answer.text
    assert "Design and share go with all records and fields" in answer.text
    assert grid(answer.text)[row.label].ticked == ["list", "share"]
    assert saved(app, role) == {("owner == me", frozenset({"list"}))}


@pytest.mark.parametrize("wrong", [{"do": "fly"}, {"preset": "fly"}])
def test_an_action_or_preset_that_there_is_not_is_refused(app, alice, role_of_bob, wrong):
    role = role_of_bob()
    page = alice.get(f"/people/roles/{role}").text
    key = grid(page)["Cases"].key
    sent = form_of(page, **{f"{name}-{key}": value for name, value in wrong.items()})
    assert alice.send(f"/people/roles/{role}", **sent).status_code == 422
    assert not saved(app, role)


def test_who_saves_second_is_told_and_keeps_what_they_ticked(app, alice, role_of_bob):
    role = role_of_bob()
    page = alice.get(f"/people/roles/{role}").text
    row = grid(page)["Cases"]
    mine = form_of(page, "Buyers", **row.tick("list", "delete"))
    alice.send(f"/people/roles/{role}", **form_of(page, **row.tick("list", "read")))
    answer = alice.send(f"/people/roles/{role}", **mine)
    assert answer.status_code == 409
    assert "Somebody else has changed this role" in answer.text
    assert grid(answer.text)["Cases"].ticked == ["list", "delete"]
    assert saved(app, role) == {("", frozenset({"list", "read"}))}
    again = form_of(answer.text, "Buyers")
    assert alice.send(f"/people/roles/{role}", **again).status_code == 303
    assert saved(app, role) == {("", frozenset({"list", "delete"}))}


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 30, "²"])
def test_a_form_without_a_version_saves_nothing(app, alice, role_of_bob, version):
    role = role_of_bob()
    page = alice.get(f"/people/roles/{role}").text
    answer = alice.send(f"/people/roles/{role}", **form_of(page, "Other", version=version))
    assert answer.status_code == 409
    with app.app_context():
        assert roles.get(role).name == "Sales"


@pytest.mark.parametrize(
    "path",
    [
        "/people/roles/99", "/people/roles/99/grants/1", "/people/roles/1/grants/1", "/people/roles/1/grants/0",
        "/people/roles/1/grants/new", "/people/roles/1/grants/new?table=cases/nothing",
        "/people/roles/1/grants/new?table=%00", "/people/roles/x", "/people/roles/99999999999",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(alice, role_of_bob, path):
    role_of_bob()
    assert alice.get(path).status_code == 404


def test_a_line_of_a_table_that_is_gone_stays_until_it_is_unticked(
    app, alice, role_of_bob, on_cases
):
    role = role_of_bob(on_cases({"list", "read"}), Grant("", frozenset({"list"}), tool="gone"))
    with app.app_context():
        with writing():
            catalog.withdraw(catalog.tables()["cases", "case"].table.id)
    page = alice.get(f"/people/roles/{role}").text
    assert [name for name in grid(page) if "not there any more" in name]
    assert alice.send(f"/people/roles/{role}", **form_of(page, "Buyers")).status_code == 303
    assert len(saved(app, role)) == 2
    page = alice.get(f"/people/roles/{role}").text
    none = {f"do-{row.key}": [] for row in grid(page).values()}
    alice.send(f"/people/roles/{role}", **form_of(page, **none))
    assert not saved(app, role)


def test_without_tools_the_page_says_so(alice, new_role):
    role = new_role("Sales")
    page = alice.get(f"/people/roles/{role}").text
    assert "There are no tools yet" in page or grid(page)


@pytest.mark.parametrize(
    "path", ["/people/roles/", "/people/roles/new", "/people/roles/1", "/people/roles/1/grants/1"]
)
def test_only_administrators_come_to_roles(bob, client, role_of_bob, on_cases, path):
    role_of_bob(on_cases(ALL))
    assert bob.get(path).status_code == 403
    assert client.get(path).location.startswith("/auth/login")
    posted = path.replace("/1/grants/1", "/1/grants/1/remove").rstrip("/")
    for way in (posted, "/people/roles/1/copy", "/people/roles/1/delete"):
        assert bob.send(way, name="x").status_code in (403, 404, 405)


# A line with a rule ----------------------------------------------------------------------------


def line(role, number=0):
    tail = f"{number}" if number else "new?table=cases/case"
    return f"/people/roles/{role}/grants/{tail}"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("ownr == me", "did you mean owner"),
        ("owner ==", "Something is missing after =="),
        ("amount", "a rule is a condition"),
        ("x" * 1_001, "up to 1,000 characters"),
        ("import os", "character"),
    ],
)
def test_a_rule_that_cannot_be_is_said_at_its_place_and_stays_typed(
    alice, role_of_bob, rule, words
):
    role = role_of_bob()
    answer = alice.send(line(role), do="list", rule=rule, version=1)
    assert answer.status_code == 422
    assert words in main(answer.text)
    assert 'href="#rule"' in answer.text and rule in main(answer.text)


def test_a_rule_is_shown_in_words_and_with_its_index(app, alice, role_of_bob):
    role = role_of_bob()
    sent = {"do": "list", "version": 1, "rule": 'status == "open"'}
    page = main(alice.send(line(role), **sent, look="1").text)
    assert "In words: Status is open" in page and "Saving it makes an index for Status" in page
    assert not saved(app, role), "looking saves nothing"
    assert alice.send(line(role), **sent).status_code == 303
    page = main(alice.get(line(role, 1)).text)
    assert "An index helps" in page
    sent = {"do": "list", "version": 2, "rule": 'status != "closed"', "look": "1"}
    assert "looks at all records" in main(alice.send(line(role, 1), **sent).text)


def test_a_rule_that_no_record_meets_is_saved_after_a_warning_only(app, alice, role_of_bob):
    role = role_of_bob()
    sent = {"do": "list", "version": 1, "rule": 'status == "closed" and owner != me'}
    page = alice.send(line(role), **sent)
    assert page.status_code == 200
    assert "No record meets this rule" in page.text and "Save anyway" in page.text
    assert not saved(app, role)
    assert alice.send(line(role), **sent, anyway="1").status_code == 303
    assert saved(app, role) == {(sent["rule"], frozenset({"list"}))}


def test_nobody_is_warned_of_a_role_that_nobody_has(alice, role_of_bob):
    role = role_of_bob(has=())
    sent = {"do": "list", "version": 1, "rule": 'status == "closed" and status == "open"'}
    assert alice.send(line(role), **sent).status_code == 303


def test_a_line_can_be_removed_and_must_give_something(app, alice, role_of_bob, on_cases):
    role = role_of_bob(on_cases({"list"}, "owner == me"), on_cases({"list"}))
    answer = alice.send(line(role, 1), rule="owner == me", version=1)
    assert answer.status_code == 422 and "Tick what it gives" in answer.text
    assert alice.send(f"{line(role, 1)}/remove", version=7).status_code == 409
    assert alice.send(f"{line(role, 1)}/remove", version=1).status_code == 303
    assert saved(app, role) == {("", frozenset({"list"}))}


def test_who_saves_a_line_second_is_told(app, alice, role_of_bob, on_cases):
    role = role_of_bob(on_cases({"list"}, "owner == me"))
    assert alice.send(line(role, 1), do="list", rule="amount > 1", version=1).status_code == 303
    assert alice.send(line(role, 1), do="list", rule="amount > 2", version=1).status_code == 409
    assert saved(app, role) == {("amount > 1", frozenset({"list"}))}


def test_the_examples_of_a_table_work(alice, role_of_bob):
    role = role_of_bob()
    page = alice.get(line(role)).text
    found = [text.replace("&#34;", '"') for text in re.findall(r"<li><code>(.*?)</code>", page)]
    assert "owner == me" in found and len(found) >= 3
    for rule in map(lambda one: one.replace("&gt;", ">").replace("&lt;", "<"), found):
        answer = alice.send(line(role), do="list", rule=rule, version=1, look="1")
        assert answer.status_code == 200 and "In words:" in main(answer.text)


# Copy, delete, list ----------------------------------------------------------------------------


def test_a_role_is_copied_with_a_number(app, alice, role_of_bob, on_cases):
    role = role_of_bob(on_cases({"list"}, "owner == me"))
    first = alice.send(f"/people/roles/{role}/copy").location
    alice.send(first + "/copy")
    with app.app_context():
        assert [one.name for one in all_roles()] == ["Sales", "Sales 2", "Sales 3"]
        assert len({str(one.grants) for one in all_roles()}) == 1
        assert not roles.people_with(int(first.rpartition("/")[2]))


def test_a_role_that_somebody_has_is_not_deleted_and_names_them(app, alice, role_of_bob, page_of):
    role = role_of_bob()
    answer = alice.send(f"/people/roles/{role}/delete")
    assert answer.status_code == 409
    assert "Bob Brown still has the role Sales" in answer.text
    alice.send(f"{page_of('bob')}/roles")
    assert alice.send(f"/people/roles/{role}/delete").status_code == 303
    assert alice.get(f"/people/roles/{role}").status_code == 404


def test_the_list_says_who_has_how_many_and_what_each_gives(alice, role_of_bob, on_cases):
    role_of_bob(on_cases(READING), on_cases(EDITING, "owner == me", hidden=["amount"]))
    page = main(alice.get("/people/roles/").text)
    assert "Cases: reads" in page
    assert "Cases: edits, where Owner is the person who asks, without Amount" in page
    assert "Bob Brown" in alice.get("/people/roles/1").text


def test_what_is_done_to_roles_is_in_the_audit_list(alice, role_of_bob, audited):
    role = role_of_bob()
    page = alice.get(f"/people/roles/{role}").text
    alice.send(f"/people/roles/{role}", **form_of(page, "Buyers"))
    copy = alice.send(f"/people/roles/{role}/copy").location
    alice.send(f"{copy}/delete")
    kept = [(action, about) for action, about, who in audited() if who == "Alice Adams"]
    assert kept[:3] == [
        ("role deleted", "Buyers 2"),
        ("role added", "Buyers 2"),
        ("role changed", "Buyers"),
    ]


def test_the_command_lists_roles(runner, role_of_bob, on_cases):
    role_of_bob(on_cases(READING, "owner == me"))
    told = runner.invoke(args=["role", "list"]).output
    assert told == "Sales\t1\tCases: reads, where Owner is the person who asks\n"
    rows = json.loads(runner.invoke(args=["role", "list", "--json"]).stdout)
    assert [(row["name"], row["people"], row["grants"][0]["rule"]) for row in rows] == [
        ("Sales", 1, "owner == me")
    ]


# Indexes, on both databases --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "all_of_them"),
    [
        ("owner == me", False),
        ('status == "open"', False),
        ("team in me.roles", False),
        ('owner == me or status == "open"', False),
        ("amount > 5", True),
        ('status != "closed"', True),
        ('owner == me or contains(title, "x")', True),
        ("title is None", True),
    ],
)
def test_a_rule_that_compares_gets_an_index_and_it_is_known_whether_one_helps(
    each_app, rule, all_of_them
):
    with each_app.app_context():
        alice = actor("alice")
        with writing():
            catalog.create(declared_cases(alice.id), "Cases")
        catalog.forget()
        live = catalog.tables()["cases", "case"]
        given = Grant("", frozenset({"list"}), rule, tool="cases", table=live.table.id)
        roles.create(alice, "Sales", "", (), [given])
        assert not roles.lacking_index(live, rule)
        assert roles.looks_at_all(live, rule) is all_of_them
        there = len(sa.inspect(db.session.connection()).get_indexes(live.sql.name))
        roles.create(alice, "Others", "", (), [given])
        again = sa.inspect(db.session.connection())
        assert len(again.get_indexes(live.sql.name)) == there, "one index is enough"


def test_every_action_has_a_box(alice, role_of_bob):
    page = alice.get(f"/people/roles/{role_of_bob()}").text
    for action in ACTIONS:
        assert f'aria-label="Cases: {action}"' in page


def test_a_limit_of_the_api_is_kept_refused_in_words_and_left_as_it_is_where_it_is_not_asked(
    app, alice, role_of_bob
):
    pytest.importorskip("blueprints.api", reason="there is nothing to limit")
    role = role_of_bob()
    there = f"/people/roles/{role}"

    def limit():
        with app.app_context():
            return roles.get(role).api_rate

    assert (
        alice.send(there, **form_of(alice.get(there).text, api_rate="1200/minute")).status_code
        == 303
    )
    assert limit() == "1200/minute"
    refused = alice.send(there, **form_of(alice.get(there).text, api_rate="lots"))
    assert (
        refused.status_code == 422
        and "API limit must be" in refused.text
        and "lots" in refused.text
    )
    sent = form_of(alice.get(there).text)
    sent.pop("api_rate", None)
    assert alice.send(there, **sent).status_code == 303
    assert limit() == "1200/minute"
