"""Grants as the engine keeps them: which records, which fields, in every way of asking.

The laws are held against a model that decides record by record and field by field: a person sees a field
of a record where one of their grants that show it is for that record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from app import permissions, roles
from app.database import writing
from app.errors import AppError, BadAddress, Conflict, Forbidden, Invalid, NotFound
from app.extensions import db
from app.models import MEMBERSHIP, Person, Role
from app.people import all_roles, set_roles
from app.permissions import ACTIONS, Actor, Grant, may
from app.sheets.merging import merge
from app.tables import catalog, history, links, listing, records, seen
from app.tables.table import Table
from tests.suites import doors
from tests.tables.conftest import declared

OWNERS, STATES = ("alice", "bob", "charlie"), ("open", "closed")
RULES = {
    "": lambda me, one: True,
    "owner == me": lambda me, one: one["owner"] == me.id,
    'status != "closed"': lambda me, one: one["status"] != "closed",
    "team in me.roles": lambda me, one: one["team"] in ("North", "Zero"),
    "amount > 5": lambda me, one: (one["amount"] or 0) > 5,
}
again_and_again = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def cases(owner_id: int | None = None) -> Table:
    """A table whose records belong to people."""
    fields = (
        declared("title", "text", required=True), declared("owner", "person"),
        declared("status", "choice", options={"choices": [*STATES]}), declared("team", "text"),
        declared("amount", "integer"), declared("code", "code", unique=True),
    )  # fmt: skip
    return Table(0, 0, "cases", "case", "Cases", fields, owner_id=owner_id)


@pytest.fixture
def more_settings(door: str) -> Iterator[dict[str, Any]]:
    with doors.settings(door, cases()) as found:
        yield found


@pytest.fixture
def table(people: dict[str, Actor], door: str) -> catalog.Live:
    """Cases of Alice's, with a dozen records."""
    alice = people["alice"]
    doors.make(door, cases(alice.id), "Cases", alice)
    live = catalog.tables()["cases", "case"]
    for i in range(12):
        owner = people[OWNERS[i % 3]].id if i % 4 else None
        values = {
            "title": f"Case {i}", "owner": owner, "status": STATES[i % 2], "amount": i or None,
            "team": ("North", "South", None)[i % 3], "code": f"C{i}",
        }  # fmt: skip
        records.create(alice, live, values)
    return live


def now(live: catalog.Live) -> catalog.Live:
    catalog.forget()
    return catalog.by_id(live.table.id)


def grant(live: catalog.Live, actions: Any, rule: str = "", **limits: Any) -> Grant:
    sets = {name: frozenset(one) for name, one in limits.items()}
    return Grant("", frozenset(actions), rule, tool="cases", table=live.table.id, **sets)


def give(alice: Actor, person: Actor, *groups: Any) -> None:
    """Let a person have one role for each group of grants, and no other. The first is North, which rules
    ask for."""
    set_roles(person.id, [], alice)
    for one in all_roles():
        roles.delete(alice, one.id)
    names = ("North", "Zero", "Two", "Three")
    made = [
        roles.create(alice, name, "", (), one) for name, one in zip(names, groups, strict=False)
    ]
    set_roles(person.id, [one.id for one in made], alice)
    catalog.forget()


def values_of(live: catalog.Live) -> dict[int, dict[str, Any]]:
    rows = db.session.execute(db.select(live.model)).scalars()
    return {one.id: {f.name: getattr(one, f.name) for f in live.table.fields} for one in rows}


GRANTS = st.lists(
    st.tuples(
        st.sets(st.sampled_from(["list", "read", "update", "delete", "export"]), min_size=1),
        st.sampled_from(sorted(RULES)),
        st.sets(st.sampled_from(["amount", "team"]), max_size=1),
    ),
    max_size=4,
)


@given(GRANTS)
@again_and_again
def test_a_field_of_a_record_is_seen_where_one_of_the_grants_shows_it(people, table, drawn):
    alice, bob = people["alice"], people["bob"]
    given_ = [grant(table, {*does, "list"}, rule, hidden=hidden) for does, rule, hidden in drawn]
    give(alice, bob, *[[one] for one in given_])
    live, stored = now(table), values_of(table)
    if not given_:
        with pytest.raises(NotFound):
            catalog.get(bob, "cases", "case")
        return
    live = catalog.get(bob, "cases", "case")
    shows = {
        id: [one for one in given_ if RULES[one.rule](bob, values)] for id, values in stored.items()
    }
    fields = {
        name
        for name in ("title", "amount", "team")
        if any(name not in one.hidden for one in given_)
    }
    assert fields == {"title", "amount", "team"} & live.table.by_name.keys()
    query = listing.read(live, {"fields": [",".join(sorted(fields))], "per_page": ["200"]})
    page = listing.page(bob, live, query)
    names = [one.name for one in query.fields]
    expected = {
        id: [
            stored[id][name] if any(name not in g.hidden for g in mine) else None for name in names
        ]
        for id, mine in shows.items()
        if mine
    }
    assert {row[0]: list(row[1:]) for row in page.rows} == expected
    assert page.found == page.total == len(expected)


@given(GRANTS, GRANTS)
@again_and_again
def test_a_further_role_never_takes_anything_away(people, table, some, more):
    alice, bob = people["alice"], people["bob"]
    both = [
        [grant(table, {*does, "list", "read"}, rule, hidden=hidden) for does, rule, hidden in part]
        for part in (some, more)
    ]

    def seen_with(*groups: Any) -> set[Any]:
        give(alice, bob, *groups)
        found = set()
        for id in values_of(now(table)):
            for action in ACTIONS:
                try:
                    live = catalog.get(bob, "cases", "case", action, id)
                except (NotFound, Forbidden):
                    continue
                found |= {(id, action)} | {(id, action, one.name) for one in live.table.fields}
                found |= {(id, action, "write", one.name) for one in live.table.written}
        return found

    assert seen_with(both[0]) <= seen_with(*both)


def test_a_role_that_was_taken_away_meanwhile_decides_nothing_in_a_transaction_that_writes(people):
    role = roles.create(people["alice"], "Short", "", ["trips"], [])
    set_roles(people["bob"].id, [role.id], people["alice"])
    db.session.remove()
    assert may(people["bob"], "trips")
    with db.engine.connect() as other:
        other.execute(MEMBERSHIP.delete())
        other.commit()
    with writing():
        assert not may(people["bob"], "trips")


def test_what_a_role_was_changed_to_and_is_not_gives_nothing_later(people):
    role = roles.create(people["alice"], "Short", "", [], [])
    set_roles(people["bob"].id, [role.id], people["alice"])
    with writing() as session:
        found = session.get_one(Role, role.id)
        found.rights = ["trips"]
        session.flush()
        assert may(people["bob"], "trips")  # its version 2, which is taken back
        session.rollback()
    assert not may(people["bob"], "trips")
    roles.change(people["alice"], role.id, None, "Still short", "", [], [])  # another version 2
    assert not may(people["bob"], "trips")


def test_counts_by_a_rule_that_reads_what_is_worked_out_of_the_day_are_of_the_day(
    people, monkeypatch
):
    moment = datetime(2026, 3, 3, 12, tzinfo=UTC)
    late = declared("late", "formula", options={"expression": "due < today"})
    with writing():
        catalog.create(
            Table(0, 0, "tasks", "task", "Tasks", (declared("due", "date"), late)), "Tasks"
        )
    live = catalog.tables()["tasks", "task"]
    records.create(people["alice"], live, {"due": moment.date()})
    one = Grant("", frozenset({"list"}), "late", tool="tasks", table=live.table.id)
    give(people["alice"], people["bob"], [one])
    for day in (0, 1):
        monkeypatch.setattr("app.clock.utcnow", lambda day=day: moment + timedelta(days=day))
        mine = catalog.get(people["bob"], "tasks", "task")
        found = listing.page(people["bob"], mine, listing.read(mine, {}))
        assert (len(found.rows), found.found, found.total) == (day, day, day)


def test_without_a_role_a_table_is_as_one_that_is_not_there(people, table):
    give(people["alice"], people["bob"])
    with pytest.raises(NotFound) as hidden:
        catalog.get(people["bob"], "cases", "case")
    with pytest.raises(NotFound) as missing:
        catalog.get(people["bob"], "cases", "nothing")
    assert str(hidden.value) == str(missing.value)
    assert "cases" not in {one.name for one in catalog.open_to(people["bob"])}


def test_a_hidden_field_cannot_be_asked_for_in_any_way(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.EDITING, hidden=["amount", "title"])])
    live = catalog.get(bob, "cases", "case")
    unknown = {"nothing": ["1"]}
    for args in (
        {"amount": ["3"]}, {"amount__gt": ["3"]}, {"amount__isblank": ["true"]}, {"sort": ["amount"]},
        {"sort": ["-title"]}, {"fields": ["title,amount"]}, {"title__contains": ["1"]},
    ):  # fmt: skip
        with pytest.raises(BadAddress) as refused:
            listing.read(live, args)
        with pytest.raises(BadAddress) as other:
            listing.read(live, unknown)
        words = [str(one.value).partition("; it has")[2] for one in (refused, other)]
        assert words[0] == words[1] and "amount" not in words[0]
    assert listing.page(bob, live, listing.read(live, {"q": ["Case 3"]})).found == 0
    assert listing.page(bob, live, listing.read(live, {"q": ["North"]})).found
    first = records.create(alice, table, {"title": "Secret", "amount": 4711})
    records.update(alice, table, first.id, {"amount": 4712, "team": "South"}, None)
    mine = records.of_any(catalog.get(bob, "cases", "case"), first.id)
    told = [history.values_of(mine, one) for one in history.of_record(bob, mine, first.id)]
    assert {field.name for one in told for field, _old, _new in one} == {"team"}
    for values in ({"amount": 1}, {"title": "x"}):
        with pytest.raises(Invalid) as refused:
            records.update(bob, live, first.id, values, None)
        assert "There is no field" in str(refused.value)
    with pytest.raises(Invalid) as refused:  # title is required, and hidden
        records.create(bob, live, {"team": "South"})
    assert "Title" not in str(refused.value) and "hidden" in str(refused.value)


def test_records_outside_a_rule_are_as_ones_that_are_not_there(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.EDITING | {"import"}, "owner == me")])
    live = catalog.get(bob, "cases", "case")
    stored = values_of(table)
    others = [id for id, one in stored.items() if one["owner"] != bob.id]
    for id in others:
        for asked in (
            lambda id: records.get(bob, live, id),
            lambda id: records.update(bob, live, id, {"team": "x"}, None),
            lambda id: records.delete(bob, live, id, None),
            lambda id: records.restore(bob, live, id),
            lambda id: records.of_any(live, id),
            lambda id: records.save_many(bob, live, [], [(id, {"team": "x"})]),
            lambda id: records.save_many(bob, live, [], [], [id]),
        ):
            with pytest.raises(NotFound) as hidden:
                asked(id)
            with pytest.raises(NotFound) as missing:
                asked(999)
            assert str(hidden.value) == str(missing.value)
    assert values_of(table) == stored
    assert {id for id, one in stored.items() if one["owner"] == bob.id} == {
        row[0] for row in listing.every(bob, live, listing.read(live, {}))
    }


def test_what_is_written_stays_within_the_rule(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.EDITING | {"import"}, "owner == me")])
    live = catalog.get(bob, "cases", "case")
    own = records.create(bob, live, {"title": "Mine", "owner": bob.id})
    for write in (
        lambda: records.create(bob, live, {"title": "Hers", "owner": alice.id}),
        lambda: records.create(bob, live, {"title": "Nobody's"}),
        lambda: records.update(bob, live, own.id, {"owner": alice.id}, None),
        lambda: records.save_many(bob, live, [{"title": "a", "owner": bob.id}, {"title": "b"}]),
    ):
        before = values_of(table)
        with pytest.raises(Invalid, match="owner == me"):
            write()
        assert values_of(table) == before
    records.delete(bob, live, own.id, None)
    assert records.restore(bob, live, own.id).title == "Mine"


def test_what_somebody_deleted_is_restored_only_by_who_could_see_it(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.EDITING, "owner == me")])
    hers = next(id for id, one in values_of(table).items() if one["owner"] == alice.id)
    records.delete(alice, table, hers, None)
    live = catalog.get(bob, "cases", "case")
    with pytest.raises(NotFound):
        records.restore(bob, live, hers)
    with pytest.raises(NotFound):
        records.of_any(live, hers)
    assert hers not in {one.record_id for one in history.of_table(bob, live)}
    assert records.restore(alice, table, hers).id == hers


def test_a_read_only_field_is_seen_and_not_written_nor_undone(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.EDITING, readonly=["amount"])])
    live = catalog.get(bob, "cases", "case")
    assert "amount" in live.table.by_name
    assert "amount" not in {one.name for one in live.table.written}
    with pytest.raises(Invalid, match="Amount cannot be written"):
        records.update(bob, live, 2, {"amount": 99}, None)
    records.update(alice, table, 2, {"amount": 99}, None)
    change = history.of_record(alice, table, 2)[0]
    with pytest.raises(Forbidden):
        records.undo(bob, live, change.id)
    records.update(bob, live, 2, {"team": "East"}, None)
    records.undo(bob, live, history.of_record(alice, table, 2)[0].id)
    assert values_of(table)[2]["amount"] == 99


def test_a_field_is_written_where_the_grant_that_lets_it_is_for_that_record(people, table):
    alice, bob = people["alice"], people["bob"]
    own = grant(table, permissions.EDITING, "owner == me")
    give(alice, bob, [own], [grant(table, permissions.EDITING, readonly=["amount"])])
    live, stored = catalog.get(bob, "cases", "case"), values_of(table)
    mine = next(id for id, one in stored.items() if one["owner"] == bob.id)
    hers = next(id for id, one in stored.items() if one["owner"] == alice.id)
    records.update(bob, live, mine, {"amount": 50}, None)
    with pytest.raises(Invalid, match="Amount cannot be written"):
        records.update(bob, live, hers, {"amount": 50}, None)
    with pytest.raises(Invalid):  # a new record of nobody's, with what only one's own may have
        records.create(bob, live, {"title": "x", "amount": 1})
    assert records.create(bob, live, {"title": "x", "amount": 1, "owner": bob.id}).amount == 1


def test_pickers_and_titles_know_only_what_may_be_listed(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.EDITING, "owner == me")])
    stored = values_of(table)
    own = {id for id, one in stored.items() if one["owner"] == bob.id}
    assert set(links.suggestions(bob, table, limit=100)) == own
    assert set(links.titles(bob, table, list(stored))) == own
    texts = [one["title"] for one in stored.values()] + [f"#{id}" for id in stored]
    found = links.find(bob, table, texts)
    assert {id for ids in found.values() for id in ids} == own
    assert seen.may_see(bob, table, stored) == own


def test_a_link_is_made_only_to_what_may_be_seen_and_stays_where_it_was(people, table):
    alice, bob = people["alice"], people["bob"]
    field = declared("case", "link", options={"table": table.table.id})
    notes = Table(0, 0, "notes", "note", "Notes", (declared("text", "text"), field), access="edit")
    with writing():
        catalog.create(notes)
    live = catalog.tables()["notes", "note"]
    give(alice, bob, [grant(table, permissions.READING, "owner == me")])
    stored = values_of(table)
    own = next(id for id, one in stored.items() if one["owner"] == bob.id)
    hers = next(id for id, one in stored.items() if one["owner"] == alice.id)
    assert records.create(bob, live, {"text": "a", "case": own}).case == own
    for other in (hers, 999):
        with pytest.raises(Invalid, match=f"is #{other} of Cases, which is not there"):
            records.create(bob, live, {"text": "a", "case": other})
    linked = records.create(alice, live, {"text": "b", "case": hers})
    assert records.update(bob, live, linked.id, {"text": "c", "case": hers}, None).text == "c"
    with pytest.raises(BadAddress, match="cannot be sorted by"):
        listing.page(bob, live, listing.read(live, {"sort": ["case"]}))


def test_rights_change_at_the_next_look_and_every_process_sees_it(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, {"list"})])
    assert may(bob, "list", now(table).table)
    role = all_roles()[0]
    more = [grant(table, {"list", "delete"})]
    roles.change(alice, role.id, role.version, role.name, "", (), more)
    catalog.forget()
    assert may(bob, "delete", table.table)
    with pytest.raises(Conflict):
        roles.change(alice, role.id, 1, role.name, "", (), [])


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("owner ==", "Something is missing after =="),
        ("ownr == me", "did you mean owner"),
        ("amount", "a rule is a condition"),
        ('owner == "Bob"', "another link"),
        ("status == “open”", "plain letters"),
        ("import os", ""),
        ("me.password == 1", "no field"),
        ("x" * 2_000, "up to 1,000 characters"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_in_words(people, table, rule, words):
    with pytest.raises(Invalid) as refused:
        roles.create(people["alice"], "Some", "", (), [grant(table, {"list"}, rule)])
    assert words in str(refused.value)
    assert not all_roles()


def test_a_rule_whose_field_is_gone_opens_nothing(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, {"list"}, "owner == me")])
    role = all_roles()[0]
    with writing():
        role.grants = [{**role.grants[0], "rule": "gone == me"}]
    catalog.forget()
    live = catalog.get(bob, "cases", "case")
    assert listing.page(bob, live, listing.read(live, {})).total == 0


def test_a_rule_that_refuses_everybody_is_noticed(people, table):
    everybody = db.session.query(Person).all()
    assert roles.refuses_everybody(table, 'status == "open" and status == "closed"', everybody)
    assert not roles.refuses_everybody(table, "owner == me", everybody)


@pytest.mark.parametrize("limits", [{"rule": "owner == me"}, {"hidden": ["amount"]}])
@pytest.mark.parametrize("action", ["design", "share"])
def test_design_and_share_go_with_all_of_a_table(people, table, action, limits):
    with pytest.raises(Invalid, match=r"(?i)design and share"):
        roles.create(people["alice"], "Some", "", (), [grant(table, {action}, **limits)])


def test_nobody_gives_more_than_they_have(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, {"list", "share"})])
    role = all_roles()[0]
    live = catalog.get(bob, "cases", "case", "share")
    with pytest.raises(Forbidden, match="delete"):
        roles.share(bob, live, role.id, None, ["list", "delete"])
    roles.share(bob, live, role.id, None, ["list"])
    catalog.forget()
    with pytest.raises(Forbidden):
        roles.share(bob, table, role.id, None, ["list"])
    for act in (
        lambda: roles.create(bob, "Mine", "", (), [grant(table, ACTIONS)]),
        lambda: set_roles(bob.id, [role.id], bob),
        lambda: roles.delete(bob, role.id),
        lambda: roles.change(bob, role.id, None, "x", "", (), []),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_role_that_somebody_has_is_not_deleted_and_says_who_has_it(people, table):
    give(people["alice"], people["bob"], [grant(table, {"list"})])
    role = all_roles()[0]
    with pytest.raises(Conflict, match="Bob Brown"):
        roles.delete(people["alice"], role.id)


def test_a_key_can_do_no_more_than_its_scope_and_its_tables(people, table):
    alice = people["alice"]
    for scope, can, cannot in (
        ("read", {"list", "read", "export", "history"}, {"create", "update", "delete", "design"}),
        ("write", {"list", "create", "update", "import"}, {"design", "share"}),
        ("design", {"design", "share", "delete"}, set()),
    ):
        key = replace(alice, scope=scope)
        assert {one for one in can if may(key, one, table.table)} == can
        assert not {one for one in cannot if may(key, one, table.table)}
        assert not may(key, "people") and not may(key, permissions.IN_PERSON)
        limited = replace(key, tables=(table.table.id + 1,))
        assert not any(may(limited, one, table.table) for one in ACTIONS)
    assert may(replace(alice, scope="admin"), "people")
    with pytest.raises(AppError):
        catalog.get(replace(alice, scope="read"), "cases", "case", "update")


@pytest.mark.parametrize("limits", [{"rule": "owner == me"}, {"hidden": ["amount"]}])
def test_nobody_draws_a_field_that_shows_what_they_do_not_see(people, table, limits):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.READING, **limits)])
    link = declared("case", "link", options={"table": table.table.id})
    total = declared("all", "lookup", options={"link": "case", "field": "amount"})
    notes = Table(0, 0, "notes", "note", "Notes", (declared("text", "text"), link), owner_id=bob.id)
    catalog.require_open(bob, notes)
    with pytest.raises(Forbidden, match="do not cover"):
        catalog.require_open(bob, replace(notes, fields=(*notes.fields, total)))
    catalog.require_open(alice, replace(notes, fields=(*notes.fields, total)))


def test_a_field_that_a_rule_reads_is_not_taken_away_under_it(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.READING, "owner == me")])
    old = now(table).declared
    for fields in (
        [one for one in old.fields if one.name != "owner"],
        [replace(one, name="holder") if one.name == "owner" else one for one in old.fields],
    ):
        new = catalog.Live(replace(old, fields=tuple(fields)), table.sql.name)
        with pytest.raises(Invalid, match="The role North has the rule owner == me"):
            catalog.check_across(new, alice)


def other_table(label: str, *fields: Any, **more: Any) -> catalog.Live:
    with writing():
        catalog.create(Table(0, 0, "notes", label.lower(), label, fields, **more))
    catalog.forget()
    return catalog.tables()["notes", label.lower()]


def place(live: catalog.Live, one: Grant) -> Grant:
    return replace(one, tool=live.table.tool, table=live.table.id)


def listed(actor: Actor, live: catalog.Live, **args: str) -> list[int]:
    query = listing.read(live, {name: [text] for name, text in args.items()})
    return [row[0] for row in listing.page(actor, live, query).rows]


def test_several_links_are_no_filter_and_no_order_where_they_are_hidden(people, table):
    alice, bob = people["alice"], people["bob"]
    many = declared("cases", "links", options={"table": table.table.id})
    live = other_table("Crew", declared("name", "text"), declared("owner", "person"), many)
    hers = records.create(alice, live, {"name": "a", "owner": alice.id, "cases": (1, 2, 3)}).id
    his = records.create(alice, live, {"name": "b", "owner": bob.id, "cases": (1,)}).id
    none = records.create(alice, live, {"name": "c", "owner": alice.id}).id
    reads = permissions.READING
    field = live.table.by_name["cases"].id
    some = place(live, grant(table, reads, "owner == me"))
    all_ = place(live, grant(table, reads, hidden=[field]))
    give(alice, bob, [all_], [some, grant(table, reads)])
    live = catalog.get(bob, "notes", "crew")
    assert live.partly == {"cases"}
    assert listed(bob, live, cases__has="2") == listed(bob, live, cases__in="2") == []
    assert listed(bob, live, cases__has="1") == listed(bob, live, cases__in="1") == [his]
    assert listed(bob, live, sort="-cases") == [his, hers, none]


def test_an_entry_of_a_whole_table_tells_of_no_field(people):
    fields = [declared(name, "text") for name in ("name", "rows", "file", "old")]
    live = other_table("Odd", *fields)
    with writing(), history.acting(people["alice"]):
        history.note(live.table.id, "import", {"file": "x.csv", "rows": 3})
        history.note(live.table.id, "design", {"old": live.table.document(), "new": {}})
    found = history.of_table(people["alice"], live)
    assert [history.values_of(live, one) for one in found] == [[], []]


def test_undoing_tells_nothing_of_what_is_hidden(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.EDITING, hidden=["amount"])])
    for amount in (98, 99):
        records.update(alice, table, 2, {"amount": amount}, None)
    change = history.of_record(alice, table, 2)[1]
    live = catalog.get(bob, "cases", "case")
    with pytest.raises(Forbidden) as refused:
        records.undo(bob, live, change.id)
    assert "Amount" not in str(refused.value)
    made = records.create(alice, table, {"title": "Hers", "amount": 5})
    added = history.of_record(alice, table, made.id)[0]
    records.update(alice, table, made.id, {"amount": 1}, None)
    with pytest.raises(Conflict, match="A field that is hidden from you has been changed"):
        records.undo(bob, live, added.id)


def test_what_others_have_changed_is_undone_by_who_may_see_history(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, {"list", "read", "update"})])
    records.update(alice, table, 2, {"team": "Secret"}, None)
    records.update(alice, table, 2, {"team": "East"}, None)
    live = catalog.get(bob, "cases", "case")
    with pytest.raises(Forbidden, match="history"):
        records.undo(bob, live, history.of_record(alice, table, 2)[0].id)
    records.update(bob, live, 2, {"team": "West"}, None)
    assert records.undo(bob, live, history.of_record(alice, table, 2)[0].id).team == "East"


def test_no_refusal_names_a_hidden_field_or_its_value(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.EDITING, hidden=["code", "amount"])])
    live = catalog.get(bob, "cases", "case")
    with pytest.raises(Invalid) as hidden:
        records.create(bob, live, {"title": "x", "amount": 1})
    with pytest.raises(Invalid) as missing:
        records.create(bob, live, {"title": "x", "amounx": 1})
    assert str(hidden.value) == str(missing.value).replace("amounx", "amount")
    records.delete(bob, live, 2, None)
    records.create(alice, table, {"title": "x", "code": "C1"})
    with pytest.raises(Invalid, match="hidden from you") as refused:
        records.restore(bob, live, 2)
    assert "C1" not in str(refused.value) and "Code" not in str(refused.value)
    limited = grant(table, permissions.EDITING, "amount > 5", hidden=["amount"])
    give(alice, bob, [limited])
    live = catalog.get(bob, "cases", "case")
    with pytest.raises(Invalid, match="a rule is met"):
        records.create(bob, live, {"title": "x"})


def test_an_import_writes_no_field_that_a_record_does_not_let_one_write(people, table):
    alice, bob = people["alice"], people["bob"]
    own = grant(table, permissions.EDITING | {"import"}, "owner == me")
    others = grant(table, permissions.EDITING | {"import"}, readonly=["amount"])
    give(alice, bob, [own], [others])
    live, before = catalog.get(bob, "cases", "case", "import"), values_of(table)
    with pytest.raises(Invalid):
        records.save_many(bob, live, [{"title": "x", "amount": 1, "owner": alice.id}])
    assert values_of(table) == before
    records.save_many(bob, live, [{"title": "x", "amount": 1, "owner": bob.id}])


def test_an_import_deletes_only_for_who_may_delete(people, table, tmp_path):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, {"list", "read", "import"})])
    live, before = catalog.get(bob, "cases", "case", "import"), values_of(table)
    with pytest.raises(Forbidden, match="delete"):
        records.save_many(bob, live, (), (), [2])
    file = tmp_path / "cases.csv"
    file.write_text("Code,Title\nC0,Case 0\n")
    with pytest.raises(Forbidden, match="delete"):
        merge(bob, live, file, ("code",), "mirror")
    assert values_of(table) == before


def test_a_dry_run_tells_nothing_of_hidden_values(people, table, tmp_path):
    alice, bob = people["alice"], people["bob"]
    all_ = grant(table, permissions.READING | {"import"}, hidden=["amount", "code"])
    give(alice, bob, [all_], [grant(table, permissions.EDITING | {"import"}, "owner == me")])
    live = catalog.get(bob, "cases", "case", "import")
    file, found = tmp_path / "guesses.csv", []
    for guess in (1, 3):  # it is 3
        file.write_text(f"Title,Amount\nCase 3,{guess}\n")
        found.append(merge(bob, live, file, ("title",), "update", dry_run=True).document())
    assert found[0] == found[1]
    file.write_text("Code,Amount\nC3,3\n")
    with pytest.raises(Invalid, match="no key"):
        merge(bob, live, file, ("code",), "update", dry_run=True)


@pytest.mark.parametrize(
    "rule", ['team != "South"', "team is None", "amount is None or amount > 0", 'status == "open" or owner == me']
)  # fmt: skip
def test_a_rule_holds_for_a_deleted_record_as_it_did_before(people, table, rule):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.EDITING, rule)])
    live = catalog.get(bob, "cases", "case")
    mine = listed(bob, live)
    for id in values_of(table):
        records.delete(alice, table, id, None)
        if id in mine:
            assert records.restore(bob, live, id).id == id
        else:
            with pytest.raises(NotFound):
                records.restore(bob, live, id)


@pytest.mark.parametrize("limits", [None, {"hidden": ["title"]}])
def test_an_order_by_hidden_titles_is_refused_and_names_no_table(people, table, limits):
    alice, bob = people["alice"], people["bob"]
    link = declared("case", "link", options={"table": table.table.id})
    live = other_table("Note", declared("text", "text"), link, access="read")
    records.create(alice, live, {"text": "a", "case": 1})
    reads = permissions.READING
    some = grant(table, reads, "owner == me")
    give(alice, bob, *([[grant(table, reads, **limits)], [some]] if limits else []))
    with pytest.raises(BadAddress, match="cannot be sorted by") as refused:
        listed(bob, live, sort="case")
    assert "Cases" not in str(refused.value)


def test_a_list_whose_usual_order_is_by_hidden_titles_opens_without_it(people, table):
    link = declared("case", "link", options={"table": table.table.id})
    more: dict[str, Any] = {"access": "read", "ordering": ("case", "-text")}
    live = other_table("Note", declared("text", "text"), link, **more)
    for case, text in ((2, "a"), (1, "b")):
        records.create(people["alice"], live, {"text": text, "case": case})
    assert listed(people["alice"], live) == [2, 1]
    assert listed(people["bob"], live) == [2, 1]
    assert [one[0] for one in listing.every(people["bob"], live, listing.read(live, {}))] == [2, 1]


def test_a_field_that_reads_a_link_is_asked_about_again_when_that_leads_elsewhere(people, table):
    alice, bob = people["alice"], people["bob"]
    give(alice, bob, [grant(table, permissions.READING, hidden=["amount"])])
    own = other_table("Own", declared("amount", "integer"), owner_id=bob.id)
    link = declared("it", "link", options={"table": own.table.id})
    shows = declared("all", "lookup", options={"link": "it", "field": "amount"})
    old = other_table("Note", declared("text", "text"), link, shows, owner_id=bob.id).declared
    there = replace(link, options={**link.options, "table": table.table.id})
    for it in (there, replace(there, id="new")):
        new = replace(old, fields=(old.fields[0], it, old.fields[2]))
        with pytest.raises(Forbidden, match="do not cover"):
            catalog.require_open(bob, new, old)


def test_what_links_to_a_record_is_counted_only_for_who_sees_it(people, table):
    alice, bob = people["alice"], people["bob"]
    link = declared("case", "link", options={"table": table.table.id})
    live = other_table("Note", declared("text", "text"), link)
    for _ in range(3):
        records.create(alice, live, {"text": "a", "case": 2})
    edits = grant(table, permissions.EDITING)
    field = live.table.by_name["case"].id
    part = place(live, grant(table, permissions.READING, 'text == "b"', hidden=[field]))
    for given_, words in (([edits], "some of another table"), ([edits, part], "some of Note.")):
        give(alice, bob, given_)
        with pytest.raises(Conflict) as refused:
            records.delete(bob, catalog.get(bob, "cases", "case"), 2, None)
        assert words in str(refused.value)
    with pytest.raises(Conflict, match="3 of Note by Case"):
        records.delete(alice, table, 2, None)
