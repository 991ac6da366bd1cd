"""A: signing in with a password. A11, a second factor, comes later and is not tested here."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from app import passwords, people, throttle
from app.database import writing
from app.errors import Invalid
from app.extensions import db
from app.models import Person, Session
from app.permissions import fresh, in_person
from blueprints.auth import services
from blueprints.auth.views import safe_next
from tests.conftest import PASSWORD
from tests.security.conftest import sign_in, token_of


@pytest.fixture
def empty_app(app):
    """A fresh installation: nobody is there."""
    with app.app_context(), writing() as session:
        session.execute(sa.delete(Session))
        session.execute(sa.delete(Person))
    return app


def setup_token(app):
    with app.app_context():
        box = services.announce_setup("http://localhost")
    return next(line for line in box if "token=" in line).partition("token=")[2].strip("| ")


ADA = {"name": "Ada", "email": "ada@example.com", "password": "several good words"}


def test_a1_of_twenty_set_ups_at_the_same_moment_one_makes_an_administrator(empty_app):
    token, codes = setup_token(empty_app), []

    def try_it(number):
        fields = {**ADA, "email": f"ada{number}@example.com", "token": token}
        codes.append(empty_app.test_client().send("/auth/setup", **fields).status_code)

    threads = [threading.Thread(target=try_it, args=(n,)) for n in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(codes) == [303] + [404] * 19
    with empty_app.app_context():
        assert len(people.active_admins()) == 1
        assert db.session.scalar(sa.select(sa.func.count(Person.id))) == 1


@pytest.mark.parametrize("token", ["", "guess", "0" * 32])
def test_a2_set_up_needs_the_code_that_the_start_printed(empty_app, token):
    setup_token(empty_app)
    client = empty_app.test_client()
    assert client.get(f"/auth/setup?token={token}").status_code == 404
    assert client.send("/auth/setup", token=token, **ADA).status_code == 404


def test_a3_no_usual_account_opens_a_fresh_installation(empty_app):
    empty_app.config["ROUNDTRIP_SIGNIN_RATE"] = "off"
    client = empty_app.test_client()
    for name in ("admin", "root", "admin@example.com", "test@test.com", "roundtrip@localhost"):
        for password in ("", "admin", "password", "roundtrip", "changeme", "12345678", name):
            assert sign_in(client, name, password).status_code == 422


LONG = [
    "four words with blanks and an é and a ☃ and 64 characters of it!!",
    "pässwörd ☃ mit Leerzeichen",
    "correct horse battery staple " * 4,
    "x y" * 42 + "z!",
]


@pytest.mark.parametrize("password", LONG)
def test_a4_a_long_password_of_any_characters_counts_to_its_last_one(app, client, password):
    with app.app_context():
        people.add("dora@example.com", password=password)
    for cut in (password[:-1], password.encode()[:72].decode("utf-8", "ignore"), password + "x"):
        if cut != password:
            assert sign_in(client, "dora@example.com", cut).status_code == 422
    assert sign_in(client, "dora@example.com", password).status_code == 303


@pytest.mark.parametrize(
    "password",
    ["sailing boat", "sailingboat", "SAILINGBOAT", "83620157", "☃☂☁☀☃☂☁☀", "t q u z v w"],
)
def test_a4_no_kind_of_character_has_to_be_there(app, password):
    with app.app_context():
        people.check_new_password(password, "dora@example.com", "Dora")


@pytest.mark.parametrize("length", [7, 129])
def test_a4_a_password_has_8_to_128_characters(app, length):
    with app.app_context(), pytest.raises(Invalid, match="8 to 128 characters"):
        people.check_new_password(("sailing boat " * 10)[:length], "dora@example.com", "Dora")


def test_a4_passwords_can_be_pasted(client):
    assert "onpaste" not in client.get("/auth/login").text


def test_a5_common_passwords_are_refused_and_the_list_is_long_enough():
    known = [one for one in passwords.common() if len(one) >= passwords.SHORTEST]
    assert len(known) > 3000
    for one in sorted(known)[:: len(known) // 100]:
        with pytest.raises(Invalid, match="harder to guess"):
            passwords.check_new(one)
        with pytest.raises(Invalid, match="harder to guess"):
            passwords.check_new(one.upper())


OWN = ["bobbrown", "Bob Brown 1987", "BROWNBOB!!", "bob.brown@example.com", "example2026", "Roundtrip1",
    "r0undtrip roundtrip", "1234roundtrip", "bob-roundtrip", "ROUNDTRIP2026!", "brown12345"]  # fmt: skip


@pytest.mark.parametrize("password", OWN)
def test_a5_a_password_made_of_ones_own_data_is_refused(app, password):
    with app.app_context(), pytest.raises(Invalid, match="harder to guess"):
        people.check_new_password(password, "bob.brown@example.com", "Bob Brown")


@pytest.mark.parametrize("password", ["dragon1234", "123SUNSHINE!", "Password2026", "monkey!!!!!"])
def test_a5_a_common_word_with_digits_around_it_is_refused(password):
    with pytest.raises(Invalid, match="harder to guess"):
        passwords.check_new(password)


@pytest.mark.parametrize(
    "password", ["bobsleigh racing team", "brown bears sleep", "example of a sentence"]
)
def test_a5_a_sentence_may_have_parts_of_ones_name(app, password):
    with app.app_context():
        people.check_new_password(password, "bob.brown@example.com", "Bob Brown")


def test_a5_the_page_says_what_works(bob):
    answer = bob.send("/auth/account/password", current=PASSWORD, password="iloveyou123")
    assert answer.status_code == 422
    assert "several words work well" in answer.text


# Fresh sign-in ---------------------------------------------------------------------------------


@pytest.fixture
def delicate(app):
    """A page that needs a fresh sign-in."""

    @app.route("/delicate", methods=["GET", "POST"])
    @in_person
    @fresh
    def delicate():
        return "done"

    return app


def test_a6_what_is_delicate_asks_for_the_password_after_half_an_hour(delicate, client, clock):
    sign_in(client)
    assert client.get("/delicate?a=1").text == client.send("/delicate").text == "done"
    clock.forward(minutes=31)
    answer = client.get("/delicate?a=1")
    assert (answer.status_code, answer.location) == (303, "/auth/confirm?next=/delicate?a%3D1")
    assert client.get("/").status_code == 200, "all else goes on"


def test_a6_a_form_that_comes_too_late_is_refused_and_says_where_to_confirm(
    delicate, client, clock
):
    sign_in(client)
    clock.forward(minutes=31)
    for answer in (
        client.send("/delicate"),
        client.send("/delicate", _headers={"Accept": "application/json"}),
        client.get("/delicate", headers={"Accept": "application/json"}),
    ):
        assert answer.status_code == 403
        assert "/auth/confirm" in answer.text


def test_a6_the_password_typed_again_leads_on_and_counts_for_half_an_hour(delicate, client, clock):
    sign_in(client)
    clock.forward(minutes=31)
    before = token_of(client)
    page = client.get("/auth/confirm?next=/delicate?a%3D1")
    assert 'value="/delicate?a=1"' in page.text
    answer = client.send("/auth/confirm", password=PASSWORD, next="/delicate?a=1")
    assert (answer.status_code, answer.location) == (303, "/delicate?a=1")
    assert token_of(client) != before
    assert client.get("/delicate").text == "done"
    clock.forward(minutes=29)
    assert client.get("/delicate").text == "done"


def test_a6_a_wrong_password_confirms_nothing_and_counts_like_a_failed_sign_in(
    delicate, client, clock
):
    sign_in(client)
    client.delete_cookie(throttle.DEVICE_COOKIE)
    clock.forward(minutes=31)
    others = [
        client.send("/auth/confirm", password="wrong", email=f"x{n}@example.com") for n in range(12)
    ]
    assert [answer.status_code for answer in others] == [422] * 10 + [429] * 2
    assert client.get("/delicate").status_code == 303
    assert client.send("/auth/confirm", password=PASSWORD).status_code == 429
    assert sign_in(delicate.test_client()).status_code == 429


def test_a6_confirming_leads_nowhere_else(delicate, client):
    sign_in(client)
    answer = client.send("/auth/confirm", password=PASSWORD, next="//evil.example/")
    assert answer.location == "/"


def test_a6_a_stranger_and_a_key_confirm_nothing(delicate, client):
    assert client.get("/auth/confirm").location.startswith("/auth/login")
    assert client.send("/auth/confirm", password=PASSWORD).status_code == 303


def test_a6_a_password_is_changed_only_with_the_present_one(bob):
    answer = bob.send("/auth/account/password", current="", password="several good words")
    assert answer.status_code == 422
    assert bob.get("/").status_code == 200


# The same to guessers --------------------------------------------------------------------------


@pytest.fixture
def verified(monkeypatch):
    """The hashes that passwords were compared with, and what was hashed."""
    found, verify = [], PasswordHasher.verify

    def counted(self, hashed, password):
        found.append(hashed)
        return verify(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    return found


WHO = [
    ("nobody@example.com", PASSWORD),
    ("bob@example.com", "wrong password"),
    ("charlie@example.com", PASSWORD),
]


def test_a7_wrong_user_and_wrong_password_look_the_same(app):
    seen = []
    for email, password in WHO:
        answer = sign_in(app.test_client(), email, password)
        page = answer.text.replace(email, "").partition("<main")[2]
        start, _, rest = page.partition('name="csrf_token"')
        names = [name for name, _ in answer.headers]
        seen.append((answer.status_code, names, start, rest.partition(">")[2]))
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize(("email", "password"), [*WHO, ("bob@example.com", PASSWORD)])
def test_a7_every_try_verifies_one_argon2id_hash_of_the_same_cost(
    client, verified, email, password
):
    sign_in(client, email, password)
    assert len(verified) == 1
    assert verified[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a7_a_try_asks_the_database_the_same_whoever_it_names(app, trip_of):
    counts = set()
    for email, password in WHO:
        counts.add(trip_of(sign_in(app.test_client(), email, password)).data["n_queries"])
    assert len(counts) == 1


# Limits ----------------------------------------------------------------------------------------


def test_a8_after_ten_failures_an_account_waits_wherever_the_tries_come_from(app, client):
    known = app.test_client()
    sign_in(known)
    codes = []
    for number in range(30):
        one = app.test_client()
        one.environ_base["REMOTE_ADDR"] = f"10.0.0.{number}"
        codes.append(sign_in(one, password="wrong password").status_code)
    assert codes == [422] * 10 + [429] * 20
    known.environ_base["REMOTE_ADDR"] = "10.0.1.1"
    assert sign_in(known).status_code == 303, "the owner is not shut out"


def test_a8_after_ten_failures_an_address_waits_whatever_it_tries(app):
    codes = []
    for number in range(12):
        codes.append(sign_in(app.test_client(), f"x{number}@example.com", "wrong").status_code)
    assert codes == [422] * 10 + [429] * 2


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/auth/account/password", {"current": "wrong", "password": "several good words"}),
        ("/auth/confirm", {"password": "wrong"}),
    ],
)
def test_a8_guessing_from_inside_is_counted_with_guessing_from_outside(app, bob, address, fields):
    codes = [bob.send(address, **fields).status_code for _ in range(6)]
    codes += [sign_in(app.test_client(), password="wrong").status_code for _ in range(5)]
    assert codes == [422] * 10 + [429]


EVIL = [
    "//evil.example", "///evil.example", "////evil.example", "https://evil.example", "http:evil.example",
    "HTTPS:/evil.example", "/\\evil.example", "\\/evil.example", "\\\\evil.example", "/\t/evil.example",
    "/\n/evil.example", "\t//evil.example", " //evil.example", "\x00//evil.example", "javascript:alert(1)",
    "data:text/html,x", "//evil.example:80/", "//user@evil.example", "https:evil.example", "//[::1]",
    "//[", "//evil\u3002example", "/\u2028/evil.example", "/%5cevil.example", "/%2f/evil.example", "?x",
    "evil", ".//evil.example", "/.//evil.example", "/..//evil.example", "//%65vil.example", "/;//evil",
    "/ok#//evil.example", "/\r\nLocation: //evil.example",
]  # fmt: skip


def stays_here(target):
    """Whether a browser at the sign-in page stays at this host: what a browser makes of the header."""
    gone = target.replace("\\", "/").lstrip("\t\n\r \x00")
    clean = "".join(char for char in gone if char not in "\t\r\n")
    return clean.startswith("/") and not clean.startswith("//") and clean.isascii()


@pytest.mark.parametrize("target", EVIL)
def test_d14_the_way_on_after_signing_in_stays_here_in_every_disguise(client, target):
    fields = {"next": target}
    location = sign_in(client, **fields).headers.get("Location", "/")
    assert stays_here(location), location


@given(st.one_of(st.text(max_size=30), st.text("/\\:.@%#?;[]x \t\r\n", max_size=12)))
def test_d14_no_text_leads_to_another_host(target):
    with MADE.test_request_context():
        assert stays_here(safe_next(target))


@pytest.fixture(autouse=True, scope="module")
def made(workspace):
    """The app for properties, which cannot have one each."""
    global MADE
    from app import create_app

    MADE = create_app({"INSTANCE": workspace, "TESTING": True, "TRIPS": "off"})
    return MADE
