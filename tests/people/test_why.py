"""Why somebody may do something: the reasons, and nothing that the asker could not see."""

from __future__ import annotations

import re

import pytest

from app.permissions import EDITING, READING
from tests.people.granted import CASES, main


def why(client, **asked):
    return client.get("/people/why", query_string={"table": "cases/case", **asked})


def lines(page):
    """Each reason: from what, whether it gives the right."""
    rows = re.findall(r'class="key">(.*?)</th>.*?>(Yes|No)</span>', page, re.S)
    return [(by, word == "Yes") for by, word in rows]


def test_each_reason_is_told_for_a_record(alice, role_of_bob, on_cases, id_of):
    bob = id_of("bob")
    role_of_bob(on_cases(READING), on_cases(EDITING, "owner == me", hidden=["amount"]))
    page = why(alice, person=bob, record=2, action="update").text
    assert "Bob Brown may update: Cases, record 2" in main(page)
    assert lines(page) == [("role Sales", False), ("role Sales", True)]
    assert "“Owner is the person who asks”, which holds here" in main(page)
    assert "hides Amount" in main(page)
    page = why(alice, person=bob, record=1, action="update").text
    assert "Bob Brown may not update: Cases, record 1" in main(page)
    assert "which does not hold here" in main(page)


def test_the_answer_is_what_the_pages_do(alice, bob, role_of_bob, on_cases, id_of):
    role_of_bob(on_cases(READING, "owner == me"), on_cases({"read", "update"}, 'status == "open"'))
    for record in range(1, 7):
        for action, path in (("read", ""), ("update", "/edit"), ("history", "/history")):
            told = why(alice, person=id_of("bob"), record=record, action=action).text
            may = "Bob Brown may " + action in main(told)
            assert (bob.get(f"{CASES}{record}{path}").status_code == 200) is may, (record, action)


def test_without_a_record_it_is_about_some_of_them(alice, role_of_bob, on_cases, id_of):
    role_of_bob(on_cases(READING, "owner == me"))
    page = main(why(alice, person=id_of("bob")).text)
    assert "Bob Brown may read: Cases" in page
    assert "on records where “Owner is the person who asks”" in page


def test_nothing_gives_a_stranger_to_the_table_anything(alice, cases, id_of):
    page = main(why(alice, person=id_of("bob"), record=1).text)
    assert "may not read" in page and "Nothing gives Bob Brown any right to it" in page


def test_a_disabled_person_may_nothing(alice, role_of_bob, on_cases, id_of):
    role_of_bob(on_cases(READING), has=("charlie",))
    page = main(why(alice, person=id_of("charlie")).text)
    assert "Charlie Clark may not read" in page and "cannot sign in" in page


def test_a_member_asks_about_themselves_alone(bob, role_of_bob, on_cases, id_of):
    role_of_bob(on_cases(READING))
    assert "Bob Brown may read" in main(why(bob).text)
    page = bob.get("/people/why").text
    assert "Alice Adams" not in page
    for other in (id_of("alice"), 999):
        refused = why(bob, person=other)
        assert refused.status_code == 403
        assert "You can ask this about yourself" in refused.text


def test_what_the_asker_may_not_see_is_as_what_is_not_there(bob, role_of_bob, on_cases, cases):
    assert why(bob).status_code == 404
    role_of_bob(on_cases(READING, "owner == me", hidden=["amount"]))
    missing = why(bob, record=99)
    hidden = why(bob, record=1)
    assert (missing.status_code, hidden.status_code) == (404, 404)
    told = main(why(bob, record=2).text)
    assert "may read" in told and "Amount" not in told


def test_a_rule_names_no_field_that_the_asker_does_not_see(bob, role_of_bob, on_cases):
    role_of_bob(on_cases(READING, "amount > 103", hidden=["amount"]))
    told = main(why(bob, record=4).text)
    assert "where a rule is met, which holds here" in told
    assert "mount" not in told and "103" not in told


def test_a_deleted_record_can_be_asked_about(alice, role_of_bob, on_cases, id_of):
    role_of_bob(on_cases(EDITING, "owner == me"))
    alice.send(f"{CASES}2/delete", version=1)
    for person, words in (("bob", "may restore"), ("alice", "may restore")):
        assert words in main(why(alice, person=id_of(person), record=2, action="restore").text)


@pytest.mark.parametrize(
    "asked",
    [{"action": "fly"}, {"record": "x"}, {"record": "-1"}, {"person": "x"}, {"role": "1"}, {"record": "²"}],
)  # fmt: skip
def test_what_cannot_be_asked_is_named(alice, cases, asked):
    answer = why(alice, **asked)
    assert answer.status_code == 400
    assert next(iter(asked)) in answer.text


@pytest.mark.parametrize(
    "asked",
    [
        {"table": "cases/nothing"}, {"table": "cases"}, {"table": "\0"}, {"record": "99"},
        {"record": "999999999"}, {"person": "999"},
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(alice, cases, asked):
    assert why(alice, **asked).status_code == 404


def test_the_form_stands_alone_at_first_and_works_by_address(alice, client, cases):
    page = alice.get("/people/why").text
    assert 'method="get"' in page and "The reasons" not in page
    assert client.get("/people/why").location.startswith("/auth/login")


def test_the_page_of_a_person_leads_to_it(alice, page_of, id_of):
    assert f'href="/people/why?person={id_of("bob")}"' in alice.get(page_of("bob")).text
