"""`flask trip …` reads the trips on disk."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def kept(alice_sees, app):
    """The number of a trip that failed, and so is on disk."""
    trip_id = alice_sees.trip_id("/demo/boom")
    alice_sees.trip_id("/demo/page")
    app.extensions["trips"].store.flush()
    return trip_id


def test_list_names_the_kept_trips(runner, kept):
    answer = runner.invoke(args=["trip", "list"])
    assert answer.exit_code == 0
    assert kept in answer.output and "GET /demo/boom" in answer.output
    assert "/demo/page" not in answer.output


def test_list_can_be_narrowed_and_read_by_programs(runner, kept):
    assert runner.invoke(args=["trip", "list", "--slow", "100000"]).output == ""
    rows = json.loads(runner.invoke(args=["trip", "list", "--errors", "--json"]).output)
    assert [(row["id"], row["status"]) for row in rows] == [(kept, 500)]


def test_show_takes_the_number_or_its_short_form(runner, kept):
    for name in (kept, f"{kept[:4]}-{kept[4:8]}"):
        answer = runner.invoke(args=["trip", "show", name])
        assert answer.exit_code == 0
        assert answer.output.startswith(f"# Trip {kept[:4]}-{kept[4:8]}: 500")
    data = json.loads(runner.invoke(args=["trip", "show", kept, "--json"]).output)
    assert data["id"] == kept and len(data["stages"]) == 9


def test_show_of_a_missing_trip_fails_with_one_line(runner):
    answer = runner.invoke(args=["trip", "show", "nope\x1b[31m"])
    assert answer.exit_code == 1
    assert answer.output.strip() == "Error: No trip with the number nope\\x1b[31m is kept."


def test_hostile_paths_cannot_steer_the_terminal(runner, alice_sees, app, kept):
    hostile = alice_sees.trip_id("/%1b]0;owned%07/demo")
    alice_sees.client.send(f"/trips/{hostile}/keep")
    app.extensions["trips"].store.flush()
    for words in (["trip", "list"], ["trip", "show", hostile]):
        assert "\x1b" not in runner.invoke(args=words).output


def test_prune_says_how_many_went(runner, kept):
    assert runner.invoke(args=["trip", "prune"]).output == "0 trips deleted.\n"
