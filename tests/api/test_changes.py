"""What has happened in a table: nothing is missed, and nobody is told more than they may see."""

from __future__ import annotations

import threading

import pytest

from app import roles
from app.database import writing
from app.extensions import db
from app.people import set_roles
from app.permissions import READING, SYSTEM, Grant
from app.tables import catalog, feed, history, records
from tests.api.conftest import API, problem
from tests.tools.conftest import order

CHANGES = f"{API}changes"


@pytest.fixture
def live(app, made, people):
    """Orders without records, as everybody may edit them; in a context of the app."""
    made(0)
    with app.app_context():
        yield catalog.tables()["orders", "orders"]


def all_since(program, after=0, limit=3):
    """The feed, read to its end a stretch at a time."""
    found = []
    while items := (page := program.get(f"{CHANGES}?after={after}&limit={limit}").json)["items"]:
        assert len(items) <= limit
        found, after = found + items, page["after"]
    return found


def test_the_feed_has_every_change_once_in_order(script, orders):
    script.post(API, {"order_no": "X1"})
    script.ask("PATCH", f"{API}1", {"quantity": 7, "version": 1})
    script.ask("DELETE", f"{API}2?version=1")
    script.post(f"{API}2/restore")
    found = all_since(script, limit=2)
    told = [(one["action"], one["record"]) for one in found]
    assert told == [
        ("import", None), ("create", 4), ("update", 1), ("delete", 2), ("restore", 2),
    ]  # fmt: skip
    assert [one["id"] for one in found] == sorted({one["id"] for one in found})
    assert found[2]["changes"] == {"quantity": [2, 7]}
    assert all_since(script, after=found[-1]["id"]) == []


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=0", "limit=1001", "after=1&after=2"]
)
def test_a_feed_that_cannot_be_is_refused(script, orders, query):
    problem(script.get(f"{CHANGES}?{query}"), 400)


def test_who_goes_on_from_what_never_was_is_told_so(script, orders):
    assert problem(script.get(f"{CHANGES}?after=999999"), 400)["errors"][0]["field"] == "after"
    last = all_since(script)[-1]["id"]
    assert script.get(f"{CHANGES}?after={last}").json == {"items": [], "after": last}


def test_what_a_field_held_is_told_after_it_was_taken_out(alice, program, script, orders):
    designer = program("alice", "design")
    script.ask("PATCH", f"{API}1", {"quantity": 7, "version": 1})
    definition = designer.get(f"{API}definition").json
    definition["fields"] = [one for one in definition["fields"] if one["name"] != "quantity"]
    assert designer.ask("PUT", f"{API}definition", definition).status_code == 200
    assert script.get(f"{API}1/history").json["items"][0]["changes"] == {"quantity": [2, 7]}
    assert "(taken out)" in alice.get("/tools/orders/orders/1/history").text


def test_a_change_that_is_committed_late_is_not_passed_over(app, script, live, people):
    """Who writes first and commits last has the lower number: until then a list is not known to be as it was."""
    alice, began, go_on = people["alice"], threading.Event(), threading.Event()
    if db.engine.dialect.name != "postgresql":
        pytest.skip("one writer at a time")

    def slow():
        with app.app_context(), writing(), history.acting(alice):
            db.session.add(live.model(**order(1)))
            db.session.flush()
            began.set()
            go_on.wait(20)

    thread = threading.Thread(target=slow)
    thread.start()
    assert began.wait(20)
    records.create(alice, live, order(2))
    db.session.rollback()
    found, last = feed.since(alice, live, 0, 100)
    assert [one.action for one in found] == ["import"], "the later number waits for the earlier one"
    listed = script.get(API)
    assert len(listed.json["items"]) == 1 and "ETag" not in listed.headers
    go_on.set()
    thread.join()
    db.session.rollback()
    more, _ = feed.since(alice, live, last, 100)
    told = [history.values_of(live, one)[0][2] for one in more]
    assert told == ["SO-20001", "SO-20002"]


def test_whoever_writes_at_once_nothing_is_missed_and_nothing_told_twice(app, live, people):
    alice, stop, seen = people["alice"], threading.Event(), []

    def write(first):
        with app.app_context():
            for i in range(first, first + 10):
                records.create(alice, live, order(i))

    def follow():
        last = 0
        with app.app_context():
            while True:
                end = stop.is_set()
                found, last = feed.since(alice, live, last, 5)
                seen.extend(one.record_id for one in found)
                db.session.rollback()
                if end and not found:
                    return

    writers = [threading.Thread(target=write, args=(100 * i,)) for i in (1, 2, 3)]
    reader = threading.Thread(target=follow)
    for one in (reader, *writers):
        one.start()
    for one in writers:
        one.join()
    stop.set()
    reader.join()
    assert sorted(one for one in seen if one) == list(range(1, 31))
    assert len(seen) == 31


# Rights ----------------------------------------------------------------------------------------


@pytest.fixture
def cork(app, made, people):
    """Three orders, of which Bob sees those in Cork: the third alone."""
    made(3, access="private")
    with app.app_context():
        table = catalog.tables()["orders", "orders"].table.id
        given = Grant("", READING, "city == 'Cork'", tool="orders", table=table)
        role = roles.create(SYSTEM, "Cork", granted=[given])
        set_roles(people["bob"].id, [role.id], SYSTEM)


def test_who_sees_some_records_hears_of_those_alone(program, cork):
    alice, bob = program("alice"), program("bob", "read")
    for id in (1, 3):
        alice.ask("PATCH", f"{API}{id}", {"quantity": 9, "version": 1})
    assert [one["record"] for one in all_since(bob)] == [3]


def test_who_sees_some_records_hears_when_one_of_them_is_deleted(program, cork):
    alice, bob = program("alice"), program("bob", "read")
    for id in (1, 3):
        alice.ask("DELETE", f"{API}{id}?version=1")
    assert [(one["action"], one["record"]) for one in all_since(bob)] == [("delete", 3)]
    alice.ask("POST", f"{API}3/restore")
    assert [one["action"] for one in all_since(bob)] == ["delete", "restore"]


def test_the_number_to_go_on_from_passes_what_one_does_not_see(program, cork):
    alice, bob = program("alice"), program("bob", "read")
    for version in range(1, 5):
        alice.ask("PATCH", f"{API}1", {"quantity": 20 + version, "version": version})
    page = bob.get(f"{CHANGES}?limit=1").json
    assert page["items"] == [] and page["after"] > 0


def test_a_private_table_has_no_feed_for_others(program, made):
    made(1, access="private")
    problem(program("bob", "read").get(CHANGES), 404)


# Fields that are gone --------------------------------------------------------------------------


def test_a_field_that_was_taken_out_is_named_in_lists_and_bodies(program, orders):
    designer = program("alice", "design")
    document = designer.get(f"{API}definition").json
    document["fields"] = [one for one in document["fields"] if one["name"] != "note"]
    assert designer.ask("PUT", f"{API}definition", document).status_code == 200
    for query in ("note=x", "note__contains=x", "sort=-note", "fields=id,note", "group=note"):
        answer = designer.get(f"{API}?{query}")
        assert "note was taken out of the table on 20" in problem(answer, 400)["detail"], query
    told = problem(designer.post(API, {"order_no": "X", "note": "x"}), 422)["errors"][0]["message"]
    assert "was taken out of the table on 20" in told and "customer" in told


def test_what_is_gone_costs_no_more_than_a_bounded_number_of_questions(
    app, made, people, program, trip_of
):
    made(150, access="private")
    with app.app_context():
        live = catalog.tables()["orders", "orders"]
        about = {"tool": "orders", "table": live.table.id}
        some = Grant("", READING | {"history"}, rule='city == "Cork"', **about)
        role = roles.create(SYSTEM, "Cork", granted=[some])
        set_roles(people["bob"].id, [role.id], SYSTEM)
        with records.together(people["alice"]):
            for number in range(1, 151):
                records.delete(people["alice"], live, number, None)
    bob, after, told = program("bob", "read"), 0, []
    while (answer := bob.get(f"{CHANGES}?after={after}&limit=1000")).json["after"] != after:
        assert trip_of(answer).data["n_queries"] <= 120
        after = answer.json["after"]
        told += answer.json["items"]
    assert [one["action"] for one in told] == ["delete"] * sum(
        order(i)["city"] == "Cork" for i in range(1, 151)
    )
