"""Who sees which trips, and how much of them."""

from __future__ import annotations

import pytest

HIDDEN_FROM_MEMBERS = ("queries", "templates", "steps", "logs", "route", "repeated", "lazy")


def without_numbers(text: str, *numbers: str) -> str:
    for number in numbers:
        text = text.replace(number, "")
    return text


def test_an_administrator_sees_everybodys_trips_in_full(alice_sees, bob_sees):
    data = alice_sees.data(bob_sees.trip_id("/demo/page"))
    assert data["person"] == "Bob Brown"
    assert set(HIDDEN_FROM_MEMBERS) <= set(data)
    assert data["queries"] and data["logs"]


def test_a_member_sees_stages_and_hooks_of_their_own_and_nothing_more(bob_sees):
    trip_id = bob_sees.trip_id("/demo/page?secret=1")
    data = bob_sees.data(trip_id)
    assert not set(HIDDEN_FROM_MEMBERS) & set(data)
    assert len(data["stages"]) == 9 and data["hooks"]
    page = bob_sees.page(trip_id) + bob_sees.client.get(f"/trips/{trip_id}.md").text
    assert "hooks.csrf_token" in page
    for hidden in ("SELECT", "demo.page", "missed", "think", "Keep this trip"):
        assert hidden not in page, hidden


@pytest.mark.parametrize("form", ["", ".json", ".md"])
def test_a_trip_one_may_not_see_answers_exactly_like_a_missing_one(alice_sees, bob_sees, form):
    foreign, missing = alice_sees.trip_id("/demo/page"), "0123456789abcdef"
    answers = [bob_sees.client.get(f"/trips/{one}{form}") for one in (foreign, missing)]
    assert [answer.status_code for answer in answers] == [404, 404]
    bodies = [
        without_numbers(a.text, a.headers["X-Trip-Id"], a.headers["X-Trip-Id"][:4], one)
        for a, one in zip(answers, (foreign, missing), strict=True)
    ]
    texts = [without_foot(body) for body in bodies]
    assert texts[0] == texts[1]


def without_foot(body: str) -> str:
    return body.partition('<footer class="foot">')[0].partition("<form")[0]


def test_the_json_of_a_missing_trip_is_a_problem(bob_sees):
    answer = bob_sees.client.get("/trips/0123456789abcdef.json")
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == 404


def test_trips_of_strangers_are_not_a_members_to_see(client, bob_sees):
    answer = client.get("/auth/login")
    assert bob_sees.client.get(f"/trips/{answer.headers['X-Trip-Id']}").status_code == 404


@pytest.mark.parametrize("path", ["", "pipeline", "routes", "0123456789abcdef"])
def test_strangers_and_the_disabled_are_sent_to_sign_in(client, charlie, path):
    for browser in (client, charlie):
        answer = browser.get(f"/trips/{path}")
        assert answer.status_code == 303 and "/auth/login" in answer.headers["Location"]


def test_the_list_of_a_member_has_only_their_own(alice_sees, bob_sees):
    alice_sees.trip_id("/demo/list")
    own = bob_sees.trip_id("/demo/page")
    page = bob_sees.client.get("/trips/").text
    assert own in page and "/demo/list" not in page and "Alice" not in page


def test_only_the_right_trips_opens_routes_keeping_and_the_filter_by_route(bob_sees):
    own = bob_sees.trip_id("/demo/page")
    assert bob_sees.client.get("/trips/routes").status_code == 403
    assert bob_sees.client.get("/trips/?route=/demo/page").status_code == 403
    assert bob_sees.client.send(f"/trips/{own}/keep").status_code == 403


def test_everybody_signed_in_may_read_the_pipeline(bob_sees):
    page = bob_sees.client.get("/trips/pipeline")
    assert page.status_code == 200 and "SELECT" not in page.text
