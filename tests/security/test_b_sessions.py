"""B: sessions and their cookies."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import create_app, people, sessions
from app.database import writing_connection
from app.extensions import db
from app.models import Session
from tests.conftest import PASSWORD, running
from tests.security.conftest import cookie_line, sign_in, token_of

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"


def signed_in(client):
    return client.get("/").status_code == 200


def copy_of(client):
    """A second browser with the same cookies: somebody has copied them."""
    other = client.application.test_client()
    other.set_cookie("roundtrip", client.get_cookie("roundtrip").value)
    return other


@pytest.fixture
def two_apps(app, instance):
    """Two processes of one installation, as far as one process can be two."""
    made = running(create_app({"INSTANCE": instance, "TESTING": True}))
    yield app, next(made)
    list(made)


# Beginning and ending --------------------------------------------------------------------------


def test_b1_signing_in_makes_a_new_session_and_takes_none_that_was_planted(app, client, bob):
    planted = token_of(bob)
    with client.session_transaction() as session:
        session["_user_id"], session["planted"] = planted, True
    sign_in(client, "alice@example.com")
    assert token_of(client) != planted
    with client.session_transaction() as session:
        assert "planted" not in session
    assert not signed_in(bob), "the session in which one signed in anew has ended"


@pytest.mark.parametrize("planted", ["", "x", "0" * 43, None])
def test_b1_a_token_that_nobody_was_given_opens_nothing(client, planted):
    with client.session_transaction() as session:
        session["_user_id"] = planted
    assert not signed_in(client)


def test_b1_confirming_the_password_changes_the_token_and_the_old_one_dies(client, clock):
    sign_in(client)
    before = copy_of(client)
    client.send("/auth/confirm", password=PASSWORD)
    assert signed_in(client)
    clock.forward(minutes=2)
    assert not signed_in(before)


def test_b2_a_cookie_that_was_saved_is_worth_nothing_after_signing_out_on_any_process(two_apps):
    first, second = two_apps
    client = first.test_client()
    sign_in(client)
    saved = copy_of(client)
    elsewhere = second.test_client()
    elsewhere.set_cookie("roundtrip", client.get_cookie("roundtrip").value)
    assert signed_in(saved) and signed_in(elsewhere)
    client.send("/auth/logout")
    assert not signed_in(saved) and not signed_in(elsewhere)


def test_b2_disabling_a_person_ends_their_sessions_on_every_process(two_apps):
    first, second = two_apps
    client = second.test_client()
    sign_in(client)
    with first.app_context():
        people.disable("bob@example.com")
    assert not signed_in(client)
    assert sign_in(client).status_code == 422


def test_b3_changing_the_password_ends_every_session_on_every_process(two_apps):
    first, second = two_apps
    here, there = first.test_client(), second.test_client()
    sign_in(here), sign_in(there, remember="y")
    here.send("/auth/account/password", current=PASSWORD, password="several good words")
    assert not signed_in(here) and not signed_in(there)
    assert sign_in(there).status_code == 422
    assert sign_in(there, password="several good words").status_code == 303


def test_b3_one_sees_device_place_and_time_of_ones_sessions_and_no_query(app, client, clock):
    client.environ_base["HTTP_USER_AGENT"] = IPHONE
    sign_in(client, next="/auth/account")
    page = client.get("/auth/sessions").text
    assert "Safari on iPhone" in page
    assert "/auth/account" in page
    clock.forward(minutes=4)
    client.get("/jobs/?q=early")
    assert "/jobs/" not in client.get("/auth/sessions").text.partition("<table")[2]
    clock.forward(minutes=2)
    client.get("/jobs/?q=secret")
    page = client.get("/auth/sessions").text.partition("<table")[2]
    assert "/jobs/" in page
    assert "secret" not in page


def test_b3_the_place_of_a_session_is_no_secret_of_a_link_and_no_form(app, client, clock):
    sign_in(client)
    for answer in (
        lambda: client.get("/auth/reset/very-secret"),
        lambda: client.send("/auth/nowhere"),
    ):
        clock.forward(minutes=6)
        answer()
        with app.app_context():
            (place,) = db.session.scalars(sa.select(Session.place)).all()
        assert "very-secret" not in place
        assert "nowhere" not in place


def test_b3_one_session_all_others_or_all_can_be_ended(app, client, bob):
    third = app.test_client()
    sign_in(client), sign_in(third)
    with app.app_context():
        theirs = sessions.digest(token_of(bob))
        number = db.session.scalar(sa.select(Session.id).where(Session.token_hash == theirs))
    client.send("/auth/sessions/end", id=number)
    assert [signed_in(one) for one in (client, bob, third)] == [True, False, True]
    client.send("/auth/sessions/end")
    assert [signed_in(one) for one in (client, third)] == [True, False]
    assert client.send("/auth/sessions/end", all="yes").location == "/auth/login"
    assert not signed_in(client)


# Limits in time --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "limit"), [({}, timedelta(hours=12)), ({"remember": "y"}, timedelta(days=14))]
)
def test_b4_a_session_ends_when_it_was_not_used(client, clock, fields, limit):
    sign_in(client, **fields)
    clock.forward(seconds=limit.total_seconds() - 60)
    assert signed_in(client)
    clock.forward(seconds=limit.total_seconds() - 60)
    assert signed_in(client), "it was used in between"
    clock.forward(seconds=limit.total_seconds() + 60)
    assert not signed_in(client)
    assert client.get("/auth/account").status_code == 303


@pytest.mark.parametrize("fields", [{}, {"remember": "y"}])
def test_b4_a_session_ends_sixty_days_after_it_began_however_often_it_is_used(
    client, clock, fields
):
    sign_in(client, **fields)
    for _ in range(60 * 3 - 1):
        clock.forward(hours=8)
        assert signed_in(client)
    clock.forward(hours=9)
    assert not signed_in(client)


def test_b4_sessions_that_are_over_are_not_listed_and_not_kept(app, client, clock):
    sign_in(app.test_client()), sign_in(app.test_client(), remember="y")
    clock.forward(hours=13)
    sign_in(client)
    assert client.get("/auth/sessions").text.count('data-label="Address"') == 2
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count(Session.id))) == 2


def test_b4_a_clock_that_went_back_locks_nobody_out(client, clock):
    sign_in(client, remember="y")
    clock.forward(days=-2)
    assert signed_in(client)
    clock.forward(days=3)
    assert signed_in(client)


# Cookies ---------------------------------------------------------------------------------------


def test_b5_the_cookie_is_httponly_and_lax_and_ends_with_the_browser(client):
    line = cookie_line(sign_in(client))
    assert "HttpOnly" in line and "SameSite=Lax" in line and "Path=/" in line
    assert "Expires" not in line and "Max-Age" not in line and "Domain" not in line


def test_b5_a_remembered_cookie_outlives_the_browser(client):
    assert "Expires=" in cookie_line(sign_in(client, remember="y"))


def test_b5_over_https_every_cookie_is_secure_and_bound_to_the_host(instance):
    made = running(
        create_app({"INSTANCE": instance, "TESTING": True, "PUBLIC_URL": "https://tools.example"})
    )
    client = next(made).test_client()
    fields = {"base_url": "https://tools.example", "headers": {"Referer": "https://tools.example/"}}
    page = client.get("/auth/login", base_url="https://tools.example").text
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)[1]
    data = {"csrf_token": token, "email": "bob@example.com", "password": PASSWORD}
    answer = client.post("/auth/login", data=data, **fields)
    assert answer.status_code == 303
    line = cookie_line(answer, "__Host-roundtrip")
    assert "Secure" in line and "HttpOnly" in line and "Path=/" in line and "Domain" not in line
    assert all("Secure" in one for one in answer.headers.getlist("Set-Cookie"))
    list(made)


WRONG = [
    "",
    "x",
    "a.b.c",
    ".",
    "..",
    "." * 4000,
    "eyJfdXNlcl9pZCI6IjEifQ.Z.Z",
    "é",
    '"',
    "x" * 8_000,
    "\x7f" * 50,
]


@pytest.mark.parametrize("cookie", WRONG)
def test_b6_a_forged_cookie_is_a_strangers_and_never_an_error_of_ours(app, cookie):
    client = app.test_client(use_cookies=False)
    headers = {"Cookie": f"roundtrip={cookie}"}
    assert client.get("/", headers=headers).location == "/auth/login?next=/"
    assert client.get("/auth/login", headers=headers).status_code == 200
    assert client.post("/auth/login", data={"email": "x"}, headers=headers).status_code == 400


def test_b6_a_cookie_that_was_cut_or_changed_anywhere_is_a_strangers(bob):
    good = bob.get_cookie("roundtrip").value
    for place in range(0, len(good) - 1, 3):
        other = "A" if good[place] != "A" else "B"
        for forged in (good[:place], good[:place] + other + good[place + 1 :]):
            bob.set_cookie("roundtrip", forged)
            assert bob.get("/").status_code == 303
    bob.set_cookie("roundtrip", good)
    assert signed_in(bob)


def keyed(instance, key, old=()):
    settings = {
        "SECRET_KEY": key,
        "SECRET_KEY_FALLBACKS": old,
        "TESTING": True,
        "INSTANCE": instance,
    }
    return running(create_app(settings))


def test_b6_a_key_is_changed_without_ending_sessions_and_an_unknown_one_opens_nothing(instance):
    first, second, third = "first" * 10, "second" * 10, "third" * 10
    made = [keyed(instance, first), keyed(instance, second, (first,)), keyed(instance, third)]
    old, new, other = (next(one) for one in made)
    client = old.test_client()
    sign_in(client)
    cookie = client.get_cookie("roundtrip").value
    for app, wanted in ((new, 200), (other, 303)):
        there = app.test_client()
        there.set_cookie("roundtrip", cookie)
        assert there.get("/").status_code == wanted
    [list(one) for one in made]


def test_b6_a_remembered_session_survives_a_new_key_also_while_its_token_changes(instance, clock):
    made = [keyed(instance, "first" * 10), keyed(instance, "second" * 10, ("first" * 10,))]
    old, new = (next(one) for one in made)
    client, there = old.test_client(), new.test_client()
    sign_in(client, remember="y")
    there.set_cookie("roundtrip", client.get_cookie("roundtrip").value)
    clock.forward(hours=2)
    assert signed_in(client)
    assert signed_in(there), "on its way with the token that was replaced under the other key"
    [list(one) for one in made]


# Remember me -----------------------------------------------------------------------------------


def test_b7_the_token_of_a_remembered_session_changes_every_hour(client, clock):
    sign_in(client, remember="y")
    first = token_of(client)
    clock.forward(minutes=59)
    assert signed_in(client) and token_of(client) == first
    clock.forward(minutes=2)
    assert "Expires=" in cookie_line(client.get("/"))
    assert token_of(client) != first
    assert signed_in(client)
    clock.forward(days=13)
    assert signed_in(client)


def test_b7_a_session_that_is_not_remembered_keeps_its_token(client, clock):
    sign_in(client)
    first = token_of(client)
    clock.forward(hours=3)
    assert signed_in(client) and token_of(client) == first


def test_b7_requests_that_were_on_their_way_are_served_and_get_the_same_new_token(client, clock):
    sign_in(client, remember="y")
    others = [copy_of(client) for _ in range(3)]
    clock.forward(hours=2)
    assert signed_in(client)
    clock.forward(seconds=50)
    for other in others:
        assert signed_in(other)
        assert token_of(other) == token_of(client)
    clock.forward(minutes=30)
    assert all(map(signed_in, [client, *others]))


def test_b7_a_copy_that_is_used_later_ends_the_session_and_the_log_says_so(
    app, client, clock, caplog
):
    sign_in(client, remember="y")
    stolen = copy_of(client)
    clock.forward(hours=2)
    assert signed_in(client)
    clock.forward(minutes=2)
    assert not signed_in(stolen)
    assert not signed_in(client), "nobody knows which of the two is the owner"
    (line,) = [one for one in caplog.messages if "somebody has a copy" in one]
    assert re.search(r"session=\d+ person=\d+", line)


def test_b7_a_new_token_dies_with_signing_out_and_with_the_password(app, client, clock):
    for end in (
        lambda: client.send("/auth/logout"),
        lambda: client.send(
            "/auth/account/password", current=PASSWORD, password="several good words"
        ),
    ):
        sign_in(client, remember="y")
        before = copy_of(client)
        clock.forward(hours=2)
        assert signed_in(client)
        after = copy_of(client)
        assert end().status_code == 303
        assert not signed_in(before) and not signed_in(after)


def test_b7_a_busy_database_leaves_the_token_as_it_is(app, client, clock):
    sign_in(client, remember="y")
    first = token_of(client)
    clock.forward(hours=2)
    with app.app_context(), writing_connection():
        assert signed_in(client) and token_of(client) == first
    assert signed_in(client) and token_of(client) != first


def test_b7_tokens_are_kept_as_hashes_only(app, client, clock):
    sign_in(client, remember="y")
    tokens = [token_of(client)]
    clock.forward(hours=2)
    client.get("/")
    tokens.append(token_of(client))
    files = Path(app.instance_path).glob("roundtrip.sqlite*")
    stored = b"".join(file.read_bytes() for file in files)
    for token in tokens:
        assert token.encode() not in stored
        assert sessions.digest(token).encode() in stored


def test_b4_a_session_is_as_long_as_the_manual_says(bob):
    page = bob.get("/docs/security").text
    assert f"{sessions.IDLE_UNREMEMBERED // timedelta(hours=1)} hours after its last use" in page
    assert f"{sessions.IDLE.days} days after its last use" in page
    assert f"{sessions.ABSOLUTE.days} days after it began" in page
