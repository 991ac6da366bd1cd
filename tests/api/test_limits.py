"""How often the API may be used, who is counted together, and pages of other sites."""

from __future__ import annotations

import pytest

from app import create_app, roles, throttle
from app.errors import Invalid, Unavailable
from app.people import roles_by_person, set_roles
from app.permissions import SYSTEM
from tests.api.conftest import API, problem
from tests.conftest import running

SITE = "https://reports.example.com"


@pytest.fixture
def rate(app):
    """A function: sets the limit."""
    return lambda text: app.config.update(ROUNDTRIP_API_RATE=text)


@pytest.fixture
def role(app, people):
    """A function: a role with this limit, which Bob gets."""

    def make(name, text):
        with app.app_context():
            made = roles.create(SYSTEM, name, api_rate=text)
            have = [one.id for one in roles_by_person([people["bob"].id])[people["bob"].id]]
            set_roles(people["bob"].id, [*have, made.id], SYSTEM)
            return made

    return make


def statuses(ask, times):
    return [ask().status_code for _ in range(times)]


# Limits ----------------------------------------------------------------------------------------


def test_answers_say_how_much_of_the_limit_is_left(script, orders):
    first, second = script.get(API), script.get(API)
    assert first.headers["RateLimit-Policy"] == '"key";q=600;w=60'
    left = [int(one.headers["RateLimit"].split(";")[1][2:]) for one in (first, second)]
    assert left == [599, 598]


def test_who_asks_too_often_is_told_when_to_go_on(script, orders, rate, trip_of):
    rate("2/minute")
    assert statuses(lambda: script.get(API), 2) == [200, 200]
    answer = script.get(API)
    told = problem(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60 and "2 requests" in told["detail"]
    assert answer.headers["RateLimit"].startswith('"key";r=0;t=')
    trip_of(answer).blocked_by("api.limits.api_rate")


def test_each_key_is_counted_by_itself_and_so_is_a_person_in_a_browser(program, alice, rate):
    rate("1/minute")
    first, second = program(), program()
    for ask in (first.get, second.get, alice.get):
        assert statuses(lambda ask=ask: ask("/api/v1/"), 2) == [200, 429]


def test_strangers_are_counted_by_address(client, rate):
    rate("2/minute")
    ask = lambda: client.get("/api/v1/", environ_base={"REMOTE_ADDR": "10.1.1.1"})  # noqa: E731
    assert statuses(ask, 3) == [401, 401, 429]
    assert client.get("/api/v1/", environ_base={"REMOTE_ADDR": "10.1.1.2"}).status_code == 401


def test_a_limit_is_for_the_api_alone_and_can_be_off(script, alice, orders, rate):
    rate("1/minute")
    assert script.get(API).status_code == 200
    assert statuses(lambda: alice.get("/tools/orders/orders/"), 3) == [200] * 3
    rate("off")
    answer = script.get(API)
    assert answer.status_code == 200 and "RateLimit" not in answer.headers


def test_of_the_limits_of_ones_roles_the_most_generous_counts(program, orders, rate, role):
    rate("1/minute")
    script = program("bob", "read")
    role("Slow", "2/minute")
    role("Fast", "1000/hour")
    assert script.get(API).headers["RateLimit-Policy"] == '"key";q=1000;w=3600'
    role("Free", "off")
    assert "RateLimit" not in script.get(API).headers


def test_a_role_takes_only_what_is_a_limit(app, role):
    for wrong in ("often", "1/minute;2/hour", "x" * 31):
        with pytest.raises(Invalid, match="API limit"):
            role("Wrong", wrong)
    made = role("Right", "5/minute")
    with app.app_context():
        changed = roles.change(SYSTEM, made.id, None, "Right", "", (), ())
        assert changed.api_rate == "5/minute"
        assert roles.change(SYSTEM, made.id, None, "Right", "", (), (), "").api_rate == ""


def test_f6_while_redis_is_away_reading_goes_on_and_writing_waits(script, orders, monkeypatch):
    def away(*_):
        raise Unavailable("away")

    monkeypatch.setattr(throttle, "_ask", away)
    assert script.get(API).status_code == 200
    answer = script.post(API, {"order_no": "X1"})
    problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


def test_redis_that_is_away_is_not_asked_at_each_request(app, script, orders, monkeypatch):
    asked = []

    def away(*_):
        asked.append(1)
        raise Unavailable("away")

    monkeypatch.setattr(throttle, "_ask", away)
    assert statuses(lambda: script.get(API), 5) == [200] * 5
    assert len(asked) == 1


# Pages of other sites --------------------------------------------------------------------------


@pytest.fixture
def open_to(app):
    """A function: names the sites."""
    return lambda *sites: app.config.update(ROUNDTRIP_CORS=sites)


def preflight(client, origin, url=API):
    headers = {"Origin": origin, "Access-Control-Request-Method": "PATCH"}
    return client.options(url, headers=headers)


def allowed(answer):
    return {one for one, _ in answer.headers if one.startswith("Access-Control")}


def test_f5_other_sites_may_do_nothing_by_default(client, script, orders):
    assert not allowed(preflight(client, SITE))
    assert not allowed(script.get(API, Origin=SITE))


def test_f5_a_named_site_may_ask_with_a_key_and_no_other(client, script, orders, open_to):
    open_to(SITE)
    answer = preflight(client, SITE)
    assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Origin"] == SITE
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Origin" in answer.headers["Vary"]
    read = script.get(API, Origin=SITE)
    assert read.headers["Access-Control-Allow-Origin"] == SITE and "Origin" in read.headers["Vary"]
    for other in (f"{SITE}.evil.org", "http://reports.example.com", "null", SITE.upper(), "*"):
        assert not allowed(preflight(client, other)), other
        assert not allowed(script.get(API, Origin=other)), other


def test_f5_nobody_is_ever_told_that_cookies_count(client, alice, orders, open_to):
    open_to(SITE)
    for answer in (preflight(client, SITE), alice.get(API, headers={"Origin": SITE})):
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers["Access-Control-Allow-Origin"] != "*"


def test_f5_refusals_can_be_read_by_a_named_site_too(client, open_to):
    open_to(SITE)
    answer = client.get(API, headers={"Origin": SITE})
    assert answer.status_code == 401 and answer.headers["Access-Control-Allow-Origin"] == SITE


def test_c8_options_tells_the_methods_and_nothing_of_what_is_there(client, orders):
    there, missing = client.options(API), client.options("/api/v1/no/such/")
    assert there.status_code == missing.status_code == 204
    assert there.headers["Allow"] == missing.headers["Allow"] and there.data == b""
    assert client.options("/api/tokens").status_code != 204


@pytest.mark.parametrize("text", ["*", "example.com", "https://x/y", "https://*.example.com"])
def test_f5_the_setting_takes_whole_addresses_alone(instance, monkeypatch, text):
    monkeypatch.setenv("ROUNDTRIP_CORS", text)
    with pytest.raises(SystemExit, match="ROUNDTRIP_CORS"):
        create_app({"INSTANCE": instance, "TESTING": True})


def test_the_setting_takes_several(instance, monkeypatch):
    monkeypatch.setenv("ROUNDTRIP_CORS", f"{SITE}/, http://localhost:3000")
    for app in running(create_app({"INSTANCE": instance, "TESTING": True})):
        assert app.config["ROUNDTRIP_CORS"] == (SITE, "http://localhost:3000")
