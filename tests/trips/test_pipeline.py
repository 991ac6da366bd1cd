"""/trips/pipeline shows what is really in place, in the order in which it really runs."""

from __future__ import annotations

import re

from blueprints.trips import middleware


def names(app, *kinds):
    with app.app_context():
        return [part.name for part in middleware.parts() if part.kind in kinds]


def ran(data, *kinds):
    return [hook["name"] for hook in data["hooks"] if hook["kind"] in kinds]


def test_the_order_shown_is_the_order_that_ran(alice_sees, demo):
    data = alice_sees.data(alice_sees.trip_id("/demo/page"))
    for kinds in (("session open", "before"), ("after", "session save"), ("teardown",)):
        assert [n for n in names(demo, *kinds) if n in ran(data, *kinds)] == ran(data, *kinds)


def test_middleware_of_a_drop_in_stands_in_its_true_place(demo):
    before, after = names(demo, "before"), names(demo, "after")
    assert before.index("hooks.default_deny") < before.index("tests.trips.conftest.everywhere")
    assert before[-1] == "tests.trips.conftest.only_here"
    own = [name for name in after if not name.startswith("api.")]  # those run for /api/ alone
    assert own[:2] == ["tests.trips.conftest.after_own", "tests.trips.conftest.after_all"]
    assert after[-1] == "hooks.request_line"


def test_wsgi_layers_stand_first_the_outermost_on_top(demo):
    for number in (1, 2):
        demo.wsgi_app = type(f"Layer{number}", (), {"__init__": _keep, "__call__": _pass_on})(
            demo.wsgi_app
        )
    with demo.app_context():
        first, second, third, *_ = middleware.parts()
    assert first.name.endswith("Layer2") and second.name.endswith("Layer1")
    assert third.name == "session open"


def _keep(self, app):
    self.app = app


def _pass_on(self, environ, start_response):
    return self.app(environ, start_response)


def test_each_says_why_it_is_there_what_it_costs_and_what_it_did(alice_sees, demo):
    alice_sees.trip_id("/auth/account", "post", data={"name": "x"})
    alice_sees.trip_id("/demo/page")
    with demo.app_context():
        by_name = {part.name: part for part in middleware.parts()}
    csrf = by_name["hooks.csrf_token"]
    assert csrf.why.startswith("Blocks a form that was not made by this app")
    assert csrf.use.blocked == 1 and csrf.use.usual_us is not None
    assert by_name["tests.trips.conftest.only_here"].scope == "demo"
    assert by_name["tests.trips.conftest.only_here"].use.changed == 1
    page = alice_sees.client.get("/trips/pipeline").text
    assert "only demo" in page and "Runs before the demo&#39;s own." in page


def test_nothing_that_runs_is_missing(alice_sees, demo):
    data = alice_sees.data(alice_sees.trip_id("/demo/boom"))
    everything = set(names(demo, *{hook["kind"] for hook in data["hooks"]}))
    assert {hook["name"] for hook in data["hooks"]} <= everything


def test_the_nine_stages_are_told_on_ones_own_last_request(alice_sees, bob_sees):
    own = bob_sees.trip_id("/demo/page")
    alice_sees.trip_id("/demo/list")
    page = bob_sees.client.get("/trips/pipeline").text
    assert f"/trips/{own}" in page and "GET /demo/page" in page
    assert len(re.findall(r"Your last request</span>", page)) == 9
    assert "SELECT" not in page


def test_without_a_last_request_it_says_how_to_get_one(alice):
    assert "You have not opened any other page yet" in alice.get("/trips/pipeline").text


def test_each_says_a_whole_sentence_without_signs_of_markup():
    def hook():
        """Replaces the ``request`` and :class:`g`
        of everybody. And more
        """

    def short():
        """Says little."""

    assert middleware._why(hook) == "Replaces the request and g of everybody."
    assert middleware._why(short) == "Says little."
