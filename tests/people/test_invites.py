"""Invites: one new person, one link, once."""

from __future__ import annotations

import threading
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
import sqlalchemy as sa

from app import invites, mail, people
from app.database import writing
from app.extensions import db, utcnow
from app.models import Link, Person
from app.permissions import SYSTEM
from blueprints.people import letters
from tests.conftest import PASSWORD, sign_in
from tests.people.conftest import link_in

NEW = "dora@example.com"
CHOSEN = {"name": "Dora Diaz", "password": "several good words"}


def invite(alice, email=NEW, **fields):
    """Alice invites somebody; the path of the link."""
    answer = alice.send("/people/invite", email=email, **fields)
    assert answer.status_code == 200, answer.text
    return link_in(answer.text)


def test_an_invited_person_chooses_name_and_password_and_signs_in(alice, client, new_role, audited):
    link = invite(alice, name="Dora", roles=new_role("Sales"))
    assert "Sales" in alice.get("/people/?q=dora").text
    assert "Invited" in alice.get("/people/?q=dora").text
    assert "dora@example.com" in client.get(link).text
    assert client.send(link, **CHOSEN).location == "/auth/login"
    client.send("/auth/login", email=NEW, password=CHOSEN["password"])
    assert "Dora Diaz" in client.get("/auth/account").text
    assert "Active" in alice.get("/people/?q=dora").text.partition("<tbody")[2]
    done = [(action, by) for action, _, by in audited()]
    assert ("person invited", "Alice Adams") in done
    assert ("role given", "Alice Adams") in done
    assert ("invite accepted", "Dora Diaz") in done


def test_without_a_name_an_invited_person_is_called_after_their_email(alice, app):
    invite(alice)
    with app.app_context():
        assert people.find(NEW).name == "dora"


def test_an_invite_as_administrator_counts_when_it_is_accepted(alice, client, app):
    link = invite(alice, admin="y")
    with app.app_context():
        assert len(people.active_admins()) == 1
    client.send(link, **CHOSEN)
    with app.app_context():
        assert len(people.active_admins()) == 2


@pytest.mark.parametrize("email", ["", "dora", "a@b.com,c@d.com", "<x>@b.com", "a\nb@c.com"])
def test_an_email_that_cannot_be_is_said_at_its_field(alice, email):
    answer = alice.send("/people/invite", email=email, name="Dora")
    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert 'value="Dora"' in answer.text


def test_an_address_that_is_here_is_a_conflict_with_a_link_to_that_person(alice, page_of):
    answer = alice.send("/people/invite", email=" BOB@example.com ")
    assert answer.status_code == 409
    assert "is already here" in answer.text
    assert f'href="{page_of("bob")}"' in answer.text


def test_a_role_that_is_gone_makes_no_person(alice, app):
    answer = alice.send("/people/invite", email=NEW, roles=77)
    assert answer.status_code == 422
    assert "not there any more" in answer.text
    with app.app_context():
        assert db.session.scalar(sa.select(Person).where(Person.email == NEW)) is None


def test_a12_an_invite_never_attaches_to_somebody_who_is_here_already(app, alice, client, audited):
    with app.app_context():
        people.add(NEW, "Squatter", password=PASSWORD)
    squatter = sign_in(app, "dora")
    before = [action for action, _, _ in audited()]
    assert alice.send("/people/invite", email=NEW, admin="y").status_code == 409
    with app.app_context():
        person = people.find(NEW)
        assert not person.admin
        assert db.session.scalar(sa.select(Link).where(Link.person_id == person.id)) is None
        with pytest.raises(people.AlreadyHere):
            invites.invite(SYSTEM, NEW, admin=True)
    assert squatter.get("/people/").status_code == 403
    assert [action for action, _, _ in audited()] == before


def test_a_link_that_was_used_says_so(alice, client, app):
    link = invite(alice)
    other = app.test_client()
    client.send(link, **CHOSEN)
    for answer in (other.get(link), other.send(link, name="Eve", password="other good words")):
        assert answer.status_code == 404
        assert "has been used" in answer.text
    with app.app_context():
        assert people.find(NEW).name == "Dora Diaz"


def test_a_link_that_is_late_says_so(alice, client, app):
    link = invite(alice)
    with app.app_context(), writing() as session:
        session.execute(sa.update(Link).values(expires_at=utcnow() - timedelta(seconds=1)))
    answer = client.send(link, **CHOSEN)
    assert answer.status_code == 404
    assert "time of this invite is over" in answer.text
    assert "no invite that works" in alice.get(f"/people/{_id(app)}").text


def test_a_link_of_somebody_who_was_disabled_says_so(alice, client, app):
    link = invite(alice)
    alice.send(f"/people/{_id(app)}/disable")
    answer = client.get(link)
    assert answer.status_code == 404
    assert "has been stopped" in answer.text
    assert client.send(link, **CHOSEN).status_code == 404


def test_an_unknown_link_is_a_404(client):
    assert client.get("/auth/invite/guess").status_code == 404
    assert client.send("/auth/invite/é", **CHOSEN).status_code == 404


def test_whoever_is_signed_in_as_somebody_else_is_told_and_can_sign_out(alice, bob, app):
    link = invite(alice)
    page = bob.get(link)
    assert page.status_code == 409
    assert "signed in as bob@example.com" in page.text
    assert 'action="/auth/logout"' in page.text
    assert bob.send(link, **CHOSEN).status_code == 409
    bob.send("/auth/logout")
    assert bob.send(link, **CHOSEN).status_code == 303


def test_a_form_with_errors_says_all_of_them_and_the_link_still_works(alice, client):
    link = invite(alice)
    answer = client.send(link, name="x" * 201, password="short")
    assert answer.status_code == 422
    assert "2 things to fix" in answer.text
    assert "<title>Error: " in answer.text
    assert client.send(link, **CHOSEN).status_code == 303


def test_a_renewed_invite_ends_the_link_before(alice, client, app):
    old = invite(alice)
    new = link_in(alice.send(f"/people/{_id(app)}/invite").text)
    assert client.get(old).status_code == 404
    assert client.get(new).status_code == 200


def test_a_withdrawn_invite_leaves_nobody_and_no_link(alice, client, app, audited):
    link, person_id = invite(alice), None
    person_id = _id(app)
    assert alice.send(f"/people/{person_id}/withdraw").location == "/people/"
    assert client.get(link).status_code == 404
    assert alice.get(f"/people/{person_id}").status_code == 404
    assert audited()[0] == ("invite withdrawn", "dora <dora@example.com>", "Alice Adams")
    assert invite(alice), "and can be invited again"


@pytest.mark.parametrize("what", ["invite", "withdraw"])
def test_an_invite_that_was_accepted_is_neither_renewed_nor_withdrawn(alice, page_of, what):
    assert alice.send(f"{page_of('bob')}/{what}").status_code == 409
    assert alice.get(page_of("bob")).status_code == 200


def test_a_password_that_was_set_by_a_reset_link_ends_the_invite(alice, client, app):
    link = invite(alice)
    with app.app_context():
        token = people.reset_link(NEW)
    client.send(f"/auth/reset/{token}", password=CHOSEN["password"])
    assert client.get(link).status_code == 404


def test_of_two_at_the_same_moment_one_accepts(each_app):
    app = each_app
    with app.app_context():
        _, token = invites.invite(SYSTEM, NEW)
    codes, ready = [], threading.Barrier(4)

    def accept(number):
        client = app.test_client()
        ready.wait()
        fields = {"name": f"N {number}", "password": f"several good words {number}"}
        codes.append(client.send(f"/auth/invite/{token}", **fields).status_code)

    threads = [threading.Thread(target=accept, args=(n,)) for n in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(codes) == [303, 404, 404, 404]


def test_g3_links_are_random_and_only_their_hashes_are_kept(alice, app):
    tokens = {invite(alice, f"n{n}@example.com").rpartition("/")[2] for n in range(3)}
    assert len(tokens) == 3 and all(len(token) == 32 for token in tokens)  # 192 bits
    with app.app_context():
        kept = set(db.session.scalars(sa.select(Link.token_hash)))
    assert not kept & tokens


def test_a_token_is_in_no_log_line_and_in_no_trip(alice, client, caplog, trip_of):
    caplog.set_level("INFO")
    made = alice.send("/people/invite", email=NEW)
    token = link_in(made.text).rpartition("/")[2]
    seen = client.get(f"/auth/invite/{token}")
    assert token not in caplog.text
    assert token not in str(trip_of(made).data)
    assert token not in str(trip_of(seen).data)
    assert made.headers["Cache-Control"] == "no-store"


def test_who_has_no_right_invites_nobody(bob, client):
    assert bob.get("/people/invite").status_code == 403
    assert bob.send("/people/invite", email=NEW).status_code == 403
    assert client.send("/people/invite", email=NEW).status_code == 303


def _id(app, email=NEW):
    with app.app_context():
        return people.find(email).id


# Mail ------------------------------------------------------------------------------------------


def mails(instance):
    files = sorted((instance / "mail").glob("*.eml"), key=lambda one: one.stat().st_mtime_ns)
    return [message_from_bytes(one.read_bytes(), policy=policy.default) for one in files]


def test_a10_links_in_mails_come_from_the_settings_never_from_the_request(app, alice, instance):
    app.config["ROUNDTRIP_PUBLIC_URL"] = "https://tools.example.com"
    hostile = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    answer = alice.send("/people/invite", email=NEW, _headers=hostile)
    assert link_in(answer.text, "").startswith("https://tools.example.com/auth/invite/")
    with app.test_request_context(base_url="http://evil.example"):
        letters.reset(SYSTEM, people.find(NEW), "/auth/reset/x")
    invited, reset = mails(instance)
    assert link_in(answer.text, "") in invited.get_content()
    assert "evil" not in f"{invited}{reset}"


def test_without_a_mail_server_a_mail_is_a_file_and_the_page_says_that_nobody_gets_it(
    alice, instance, page_of
):
    page = alice.send(f"{page_of('bob')}/link").text
    assert "nobody gets it" in page
    (sent,) = mails(instance)
    assert sent["To"] == "bob@example.com"
    assert "http://127.0.0.1:8000/auth/reset/" in sent.get_content()


def test_a_mail_that_fails_fails_nothing_else(app, alice):
    app.config["ROUNDTRIP_MAIL_URL"] = "smtp://127.0.0.1:1"
    app.config["ROUNDTRIP_PUBLIC_URL"] = "https://tools.example.com"
    answer = alice.send("/people/invite", email=NEW)
    assert answer.status_code == 200
    assert "could not be sent, so copy the link" in answer.text


def test_a_mail_server_without_a_public_address_sends_no_link_that_leads_nowhere(app, alice):
    app.config["ROUNDTRIP_MAIL_URL"] = "smtp://127.0.0.1:1"
    assert "ROUNDTRIP_PUBLIC_URL is not set" in alice.send("/people/invite", email=NEW).text


@pytest.mark.parametrize("to", ["a@b.com\r\nBcc: c@d.com", "a@b.com,c@d.com", "a@b.com\nX: y"])
def test_no_header_can_be_added_to_a_mail(app, instance, to):
    with app.app_context(), pytest.raises(mail.MailError):
        mail.send(to, "Hello", "x")
    with app.app_context(), pytest.raises(mail.MailError):
        mail.send("a@b.com", "Hello\r\nBcc: c@d.com", "x")
    assert mails(instance) == []


def test_a_mail_is_handed_to_the_server_that_is_set(app, smtp_server):
    app.config["ROUNDTRIP_MAIL_URL"] = f"smtp://127.0.0.1:{smtp_server.port}?from=it@example.com"
    with app.app_context():
        mail.send("bob@example.com", "Grüße", "Hello")
    (said,) = smtp_server.said
    assert "MAIL FROM:<it@example.com>" in said.upper().replace("IT@EXAMPLE.COM", "it@example.com")
    assert "To: bob@example.com" in said


def test_a_password_never_goes_to_a_server_that_does_not_encrypt(app, smtp_server, monkeypatch):
    monkeypatch.setattr(mail, "AT_HOME", set())
    app.config["ROUNDTRIP_MAIL_URL"] = f"smtp://me:secret@127.0.0.1:{smtp_server.port}"
    with app.app_context(), pytest.raises(mail.MailError):
        mail.send("bob@example.com", "Hello", "x")
    assert "secret" not in "".join(smtp_server.said)
    assert "AUTH" not in "".join(smtp_server.said)
