"""Section C of the checklist: access control. C1 and C7 are `tests/suites/matrix.txt`, C6 is with people."""

from __future__ import annotations

import csv
import io
import re

import pytest
from flask import Blueprint

from app import create_app, jobs, people, roles
from app.errors import Forbidden
from app.extensions import db
from app.people import all_roles
from app.permissions import READING, SYSTEM, Actor, Grant, requires
from app.tables import catalog, records
from tests.suites.matrix import WHO, Workspace

CASES = "/tools/cases/case/"
API = "/api/v1/cases/case/"
LETTERS = {"olga": "o", "hugo": "h", "nora": "n", "rita": "r", "ed": "e", "dora": "d", "alice": "A"}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("access"))


@pytest.fixture
def ask(here):
    """Asks as somebody by name; what was changed is put back."""
    yield lambda who, url, method="GET": here.browser(LETTERS[who])(method, url)
    here.put_back()


def told(answer):
    """What an answer says, but for what differs from one request to the next."""
    text = re.sub(
        r"[0-9a-f]{16}|[0-9a-f]{4}-[0-9a-f]{4}|[0-9.]+ (ms|µs)[^<]*|value=\"[^\"]{60,}\"",
        "",
        answer.text,
    )
    return answer.status_code, re.sub(r"/[0-9]+(?=[/\"?#])", "/N", text)


def queries(app, answer):
    trip = next(
        one for one in app.extensions["trips"].in_memory() if one.id == answer.headers["X-Trip-Id"]
    )
    from app.trips import report

    return [one["statement"] for one in report.as_dict(trip)["queries"] if one["kind"] == "query"]


RECORD_URLS = [
    ("GET", "{}"), ("GET", "{}/edit"), ("POST", "{}/edit"), ("POST", "{}/delete"), ("GET", "{}/history"),
    ("POST", "{}/restore"), ("POST", "{}/history/1/undo"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "end"), RECORD_URLS)
def test_c2_a_record_of_somebody_else_answers_as_one_that_is_not_there(here, ask, method, end):
    hers = here.ids["own"]["alice"][0]
    ask("olga", CASES)  # the first request of a process reads what tables and roles there are
    hidden, missing = (ask("olga", CASES + end.format(id), method) for id in (hers, 999_999))
    assert hidden.status_code == 404 and told(hidden) == told(missing)
    assert queries(here.app, hidden) == queries(here.app, missing)  # the same work


@pytest.mark.parametrize(
    ("method", "end"),
    [("GET", "{}"), ("PATCH", "{}"), ("PUT", "{}"), ("DELETE", "{}"), ("GET", "{}/history"), ("POST", "{}/restore")],
)  # fmt: skip
def test_c2_the_same_by_the_api(here, ask, method, end):
    hers = here.ids["own"]["alice"][0]
    hidden, missing = (ask("olga", API + end.format(id), method) for id in (hers, 999_999))
    assert hidden.status_code == 404 and told(hidden) == told(missing)


@pytest.mark.parametrize("who", ["nora", "dora"])
@pytest.mark.parametrize(
    "url",
    ["/tools/{}/", "/tools/{}/case/", "/tools/{}/case/1", "/api/v1/{}/case/", "/studio/{}/case/"],
)
def test_c2_a_tool_that_is_not_open_answers_as_one_that_is_not_there(here, ask, who, url):
    ask(who, "/")
    hidden, missing = (ask(who, url.format(tool)) for tool in ("cases", "nothing"))
    assert hidden.status_code == 404
    texts = [
        told(one)[1].replace("cases", "X").replace("nothing", "X") for one in (hidden, missing)
    ]
    assert texts[0] == texts[1]
    assert queries(here.app, hidden) == queries(here.app, missing)


def test_c2_a_change_of_another_record_is_not_undone_through_ones_own(here, ask):
    (own, _), (_, change) = here.ids["own"]["olga"], here.ids["own"]["alice"]
    assert ask("olga", f"{CASES}{own}/history/{change}/undo", "POST").status_code == 404


def test_c3_a_hidden_field_is_on_no_page_in_no_file_and_in_no_answer(here, ask):
    own = here.ids["own"]["hugo"][0]
    for url in (
        CASES, f"{CASES}{own}", f"{CASES}{own}/edit", f"{CASES}{own}/history", f"{CASES}history",
        f"{CASES}new", f"{CASES}export.csv", f"{CASES}export.json", API, f"{API}{own}",
        f"{API}{own}/history", f"{API}changes", f"{API}?format=ndjson",
    ):  # fmt: skip
        answer = ask("hugo", url)
        assert answer.status_code == 200, url
        assert "amount" not in answer.text.lower(), url
        assert "amount" in ask("ed", url).text.lower(), url


@pytest.mark.parametrize(
    "args",
    [
        "sort=amount",
        "amount=1",
        "amount__gt=0",
        "fields=amount",
        "sort=-amount",
        "amount__isblank=true",
    ],
)
@pytest.mark.parametrize("base", [CASES, f"{CASES}export.csv", API])
def test_c3_asking_by_a_hidden_field_is_as_asking_by_none(ask, base, args):
    hidden = ask("hugo", f"{base}?{args}")
    missing = ask("hugo", f"{base}?{args.replace('amount', 'nothing')}")
    assert hidden.status_code == missing.status_code == 400
    assert told(hidden)[1].replace("amount", "nothing") == told(missing)[1]
    for words in ("group=amount", "sum=amount", "expand=amount"):
        assert ask("hugo", f"{API}?{words}").status_code == 400


def test_c4_a_row_rule_holds_in_counts_sums_pickers_and_exports(here, ask):
    own = here.ids["own"]["olga"][0]
    found = ask("olga", f"{API}?count=true&group=").json
    assert found["count"] == 1 and [one["id"] for one in found["items"]] == [own]
    assert ask("olga", f"{API}?sum=amount").json["items"] == [{"count": 1, "sum": {"amount": 1}}]
    rows = list(csv.reader(io.StringIO(ask("olga", f"{CASES}export.csv").text)))
    assert [row[0] for row in rows[1:]] == ["olga"]
    assert ask("olga", f"{CASES}options").json == [f"olga (#{own})"]
    assert ask("olga", f"{CASES}?q=alice").text.count("<tr") <= 2
    assert len(ask("olga", f"{API}?format=ndjson").text.splitlines()) == 1
    page = ask("olga", f"{CASES}history").text
    assert set(re.findall(rf"{CASES}([0-9]+)", page)) == {str(own)}


def test_c5_rights_act_on_the_next_request_in_every_process(here, ask):
    other = create_app({"INSTANCE": here.file.parent, "TESTING": True})
    with other.app_context():
        about = {"tool": "cases", "table": catalog.tables()["cases", "case"].table.id}
        db.session.remove()
    assert ask("nora", CASES).status_code == 404
    with other.app_context():
        role = roles.create(SYSTEM, "Late", "", (), [Grant("", READING, **about)])
        people.set_roles(people.find("nora@example.com").id, [role.id], SYSTEM)
    assert ask("nora", CASES).status_code == 200
    with other.app_context():
        one = all_roles()
        late = next(role for role in one if role.name == "Late")
        roles.change(SYSTEM, late.id, None, "Late", "", (), [])
    assert ask("nora", CASES).status_code == 404
    with other.app_context():
        db.session.remove()
        db.engine.dispose()


def test_c5_a_running_job_ends_at_its_next_step_when_its_person_is_disabled(here, ask):
    def work(job):
        people.disable("ed@example.com")
        job.progress(1, 1)
        return {}

    with here.app.app_context():
        jobs.KINDS["steps"] = work
        with db_writing():
            job = jobs.enqueue(Actor.of(people.find("ed@example.com")), "steps", "Steps", {}).id
        jobs.run(job)
        found = jobs.get(SYSTEM, job)
        assert found.state == "failed" and "may not sign in" in found.message
        db.session.remove()
    jobs.KINDS.pop("steps")


def db_writing():
    from app.database import writing

    return writing()


def test_c5_an_import_stops_at_the_batch_after_its_right_was_taken(here, ask):
    with here.app.app_context():
        ed = Actor.of(people.find("ed@example.com"))
        live = catalog.get(ed, "cases", "case", "import")
        records.save_many(ed, live, [{"title": "first"}])
        people.set_roles(ed.id, [], SYSTEM)
        with pytest.raises((Forbidden, records.NotFound)):
            records.save_many(ed, live, [{"title": "second"}])
        db.session.remove()


@pytest.mark.parametrize("who", [one for one in LETTERS if one in WHO.values()])
def test_c8_other_methods_give_no_more_than_get(here, ask, who):
    for url in (
        CASES,
        f"{CASES}{here.ids['own']['alice'][0]}",
        API,
        "/people/",
        "/trips/routes",
    ):
        seen = ask(who, url)
        head = ask(who, url, "HEAD")
        assert head.status_code == seen.status_code and head.data == b""
        options = ask(who, url, "OPTIONS")
        assert options.status_code in (200, 204, seen.status_code)
        assert options.data == b"" or options.status_code == seen.status_code >= 400


def test_c8_a_header_does_not_change_the_method(here):
    client = here.app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = here.ids["sessions"]["alice"], True
    own = here.ids["own"]["alice"][0]
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        client.get(f"{API}{own}", headers={name: "DELETE"})
        client.get(f"{API}{own}?_method=DELETE")
    assert client.get(f"{API}{own}").status_code == 200


def test_c9_a_job_and_its_result_are_its_persons_alone(here, ask):
    job = here.ids["all"]["job_id"]
    for who in ("ed", "nora", "dora"):
        for url in (f"/jobs/{job}", f"/jobs/{job}.json", f"/api/v1/jobs/{job}"):
            hidden, missing = ask(who, url), ask(who, url.replace(str(job), "99999"))
            assert hidden.status_code == 404 and told(hidden)[0] == told(missing)[0]
    assert ask("alice", f"/api/v1/jobs/{job}").status_code == 200


def test_a_route_of_ones_own_declares_the_right_on_a_table(app, bob, alice):
    bp = Blueprint("mine", __name__)

    @bp.get("/mine")
    @requires("design", "equipment/item")
    def mine():
        return "mine"

    @bp.get("/nothing")
    @requires("list", "equipment/nothing")
    def nothing():
        return "nothing"

    app._got_first_request = False
    app.register_blueprint(bp)
    refused = bob.get("/mine")
    assert refused.status_code == 403 and "“design” on Items" in refused.text
    assert alice.get("/mine").text == "mine"
    assert alice.get("/nothing").status_code == 404
