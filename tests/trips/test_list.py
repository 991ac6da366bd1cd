"""The list of trips, its filters, and the times by route."""

from __future__ import annotations

import re

import pytest

from app import create_app
from tests.conftest import running, sign_in


def shown(sees, query=""):
    return sees.client.get(f"/trips/{query}").text


def test_the_newest_is_first_with_person_status_queries_and_nine_part_bar(alice_sees):
    alice_sees.trip_id("/demo/page")
    alice_sees.trip_id("/demo/nothing")
    page = shown(alice_sees)
    assert page.index("/demo/nothing") < page.index("/demo/page")
    assert "404 Not Found" in page and "Alice Adams" in page
    assert "s-view" in page and 'class="minibar"' in page
    assert "Contains other stages" in page  # what the colours mean


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?errors=1", {"/demo/boom"}),
        ("?q=LIST", {"/demo/list"}),
        ("?person=bob", {"/demo/page"}),
        ("?route=/demo/list", {"/demo/list"}),
        ("?slow=100000", set()),
        ("?slow=&person=&route=&q=", {"/demo/boom", "/demo/list", "/demo/page"}),
    ],
)
def test_filters_show_what_they_say(alice_sees, bob_sees, query, expected):
    bob_sees.trip_id("/demo/page")
    for url in ("/demo/list", "/demo/boom"):
        alice_sees.trip_id(url)
    page = shown(alice_sees, query)
    assert {
        url for url in ("/demo/boom", "/demo/list", "/demo/page") if f"GET {url}" in page
    } == expected


def test_quiet_ones_are_there_when_asked_for(alice_sees):
    alice_sees.trip_id("/healthz")
    assert "GET /healthz" not in shown(alice_sees)
    assert "GET /healthz" in shown(alice_sees, "?quiet=1")


def test_nothing_found_says_the_filter_and_offers_to_clear_it(alice_sees):
    page = shown(alice_sees, "?errors=1&q=zzz")
    assert "No trip fits with errors, with “zzz” in its path." in page
    assert "Clear filters" in page


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("?slow=fast", "slow"),
        ("?slow=-1", "slow"),
        ("?errors=yes", "errors"),
        ("?colour=red", "colour"),
        ("?slow=1&slow=2", "slow"),
        ("?page=0", "page"),
        ("?q=" + "x" * 201, "q"),
    ],
)
def test_an_unknown_parameter_or_value_is_named(alice_sees, query, named):
    answer = alice_sees.client.get(f"/trips/{query}")
    assert answer.status_code == 400
    assert f"“{named}”" in answer.text


def test_the_list_asks_again_by_itself_until_it_is_paused(alice_sees):
    assert 'data-poll="2000"' in shown(alice_sees)
    paused = shown(alice_sees, "?live=0")
    assert "data-poll" not in paused and "Go on" in paused


def test_the_foot_tells_how_many_there_were_and_how_many_were_lost(alice_sees, app):
    alice_sees.trip_id("/demo/page")
    app.extensions["trips"].store.dropped = 3
    app.extensions["trips"].seen = 12_431
    page = shown(alice_sees)
    assert "the newest 1 of 12,431 of this process" in page and "3 dropped" in page


def test_a_probe_that_switched_itself_off_is_named(alice_sees, monkeypatch):
    monkeypatch.setattr("blueprints.trips.views.switched_off", {"verdicts.judge": "KeyError: 'x'"})
    assert "The probe verdicts.judge has switched itself off" in shown(alice_sees)


def test_a_kept_trip_is_in_the_list_once_and_survives_a_restart(alice_sees, app, instance):
    trip_id = alice_sees.trip_id("/demo/boom")
    app.extensions["trips"].store.flush()
    assert shown(alice_sees).count(f'id="t{trip_id}"') == 1
    for fresh in running(create_app({"INSTANCE": instance, "TESTING": True})):
        alice = sign_in(fresh, "alice")
        assert f'id="t{trip_id}"' in alice.get("/trips/").text
        assert "Failed: ValueError" in alice.get(f"/trips/{trip_id}").text


def test_more_than_a_page_of_trips_can_be_paged_through(alice_sees):
    for _ in range(55):
        alice_sees.trip_id("/demo/go")
    first, second = shown(alice_sees), shown(alice_sees, "?page=2")
    assert "Page 1 of 2" in first and 'rel="next"' in first
    assert "Page 2 of 2" in second and len(re.findall('id="t[0-9a-f]{16}"', second)) == 5
    assert "There is no page 9" in shown(alice_sees, "?page=9")
    assert len(first.encode()) < 100_000


def test_with_recording_off_the_list_says_so(instance):
    for app in running(create_app({"INSTANCE": instance, "TESTING": True, "TRIPS": "off"})):
        page = sign_in(app, "alice").get("/trips/").text
        assert "Recording is switched off" in page and "No trips yet" in page


def test_a_first_visit_is_told_what_to_do(alice):
    assert "No trips yet. Open any other page" in alice.get("/trips/").text


def test_times_by_route_link_to_the_slowest(alice_sees):
    ids = {alice_sees.trip_id("/demo/page") for _ in range(3)}
    page = alice_sees.client.get("/trips/routes").text
    assert "/demo/page" in page and "route=/demo/page" in page
    assert any(f"/trips/{one}" in page for one in ids)
