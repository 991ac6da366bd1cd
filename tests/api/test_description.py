"""What the API says of itself: true, whole, valid, and no more than the asker may see."""

from __future__ import annotations

import ast
import html
import json
import re
from typing import Any

import pytest

from app import people, tokens
from app.config import SETTINGS
from app.extensions import db
from app.permissions import SCOPES, Actor
from app.tables import catalog, listing
from blueprints.api import bodies, describing, forms, lists, pages, samples, services
from tests.api import workspace
from tests.api.workspace import FIXED, HIDDEN
from tests.conftest import sign_in

validator = pytest.importorskip("openapi_spec_validator", reason="test requirements are missing")
jsonschema = pytest.importorskip("jsonschema", reason="test requirements are missing")

THINGS = "/api/v1/things/thing/"
WHO = ["administrator", "member"]


@pytest.fixture
def keys(app) -> workspace.Workspace:
    return workspace.make(app)


@pytest.fixture
def send(app, keys) -> Any:
    """A function: who, method, address, JSON → the answer."""

    def act(who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        key = {"Authorization": f"Bearer {getattr(keys, who)}"}
        sent = {} if body is None else {"json": body}
        return app.test_client().open(path, method=method, headers={**key, **headers}, **sent)

    return act


@pytest.fixture
def ask(send) -> Any:
    """A function: who, address → the JSON that they get."""

    def get(who: str, path: str) -> Any:
        answer = send(who, "GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json

    return get


def parameters(document: Any, path: str = THINGS, method: str = "get") -> dict[str, Any]:
    return {one["name"]: one for one in document["paths"][path][method]["parameters"]}


# OpenAPI ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", WHO)
def test_the_document_is_valid_openapi(ask, who):
    validator.validate(ask(who, "/api/v1/openapi.json"))


def test_every_address_of_the_api_is_described_with_what_it_takes_and_gives(app, ask):
    found = ask("administrator", "/api/v1/openapi.json")["paths"]
    for rule in app.url_map.iter_rules():
        shapes = [
            one for (endpoint, _), one in describing.SHAPES.items() if endpoint == rule.endpoint
        ]
        closed = any(one.actions == ("design",) for one in shapes)  # to a key that only writes
        asked = rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/v1/") and asked and not closed:
            path = re.sub(r"<(?:[^:<>]*:)?(\w+)>", r"{\1}", rule.rule)
            path = path.replace("{tool}", "things").replace("{table}", "thing")
            methods = {one.lower() for one in rule.methods - {"HEAD", "OPTIONS"}}
            assert methods <= found[path].keys()


def test_what_shapes_say_is_said_of_addresses_that_there_are(app):
    there = {
        (rule.endpoint, one.lower()) for rule in app.url_map.iter_rules() for one in rule.methods
    }
    assert describing.SHAPES.keys() <= there


def test_a_list_takes_exactly_the_lookups_of_its_fields(app, ask):
    with app.test_request_context():
        live = catalog.tables()["things", "thing"]
        fields = live.table.by_name.values()
        wanted = {f"{one.name}__{name}" for one in fields for name in one.type.lookups}
        db.session.remove()
    words = {"q", "sort", "fields", "page", "expand", "limit", "count", "format", "If-None-Match"}
    words |= {"group", *listing.TOTALS}
    found = parameters(ask("administrator", "/api/v1/openapi.json")).keys() - words
    assert {one if "__" in one else f"{one}__exact" for one in found} == wanted


def test_what_a_member_does_not_see_is_nowhere(ask):
    everything = json.dumps(ask("member", "/api/v1/openapi.json"))
    assert HIDDEN not in re.findall(r"\w+?(?=__|\b)", everything)
    assert f'"{HIDDEN}"' in json.dumps(ask("administrator", "/api/v1/openapi.json"))


def test_what_a_member_may_not_write_is_read_only_and_not_sent(ask):
    schemas = ask("member", "/api/v1/openapi.json")["components"]["schemas"]
    assert schemas["things__thing"]["properties"][FIXED]["readOnly"]
    for part in ("new", "whole", "change"):
        assert FIXED not in schemas[f"things__thing__{part}"]["properties"]


def test_a_key_that_only_reads_is_told_of_reading_alone(app, keys):
    with app.app_context():
        key = tokens.create(Actor.of(people.find("alice@example.com")), "reads", "read")[1]
    answer = app.test_client().get(
        "/api/v1/openapi.json", headers={"Authorization": f"Bearer {key}"}
    )
    methods = {one for path in answer.json["paths"].values() for one in path}
    assert methods == {"get"}


@pytest.mark.parametrize("who", WHO)
def test_each_reference_and_link_leads_somewhere(ask, who):
    found = ask(who, "/api/v1/openapi.json")
    text = json.dumps(found)
    for kind, name in re.findall(r'"#/components/(\w+)/([^"]+)"', text):
        assert name in found["components"][kind]
    ids = re.findall(r'"operationId": "(\w+)", "summary"', text)
    assert len(ids) == len({*ids}) and {*re.findall(r'"operationId": "(\w+)"', text)} == {*ids}


# JSON Schema -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", WHO)
def test_records_are_as_their_schema_says(ask, who):
    schema = ask(who, f"{THINGS}schema")
    jsonschema.Draft202012Validator.check_schema(schema)
    for one in ask(who, THINGS)["items"]:
        jsonschema.validate(one, schema, jsonschema.Draft202012Validator)
        jsonschema.validate(ask(who, f"{THINGS}{one['id']}"), schema)


@pytest.mark.parametrize("who", WHO)
def test_the_example_of_a_table_can_be_sent_as_it_stands(ask, send, who):
    found = ask(who, "/api/v1/openapi.json")["paths"][THINGS]["post"]["requestBody"]
    example = found["content"]["application/json"]["examples"]["usual"]["value"]
    jsonschema.validate(example, ask(who, f"{THINGS}schema")["$defs"]["new"])
    made = send(who, "POST", THINGS, example)
    assert made.status_code == 201, made.text
    assert {name: made.json[name] for name in example} == example


def test_a_schema_keeps_its_names_when_another_table_comes(app, ask, send):
    before = ask("administrator", "/api/v1/openapi.json")["components"]["schemas"].keys()
    assert {"things__thing", "things__thing__new", "things__group__change"} <= before


# Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/api/", "/api/nowhere", "/api/v2/", "/api/v1/a", f"{THINGS}x/y", f"{THINGS}99999999999",
     f"{THINGS}0", "/api/v1/no/table/", "/api/v1/no/table/schema", "/api/v1/jobs/-1", "/api/v1/jobs/9",
     f"{THINGS}1.5"],
)  # fmt: skip
def test_what_there_is_not_is_a_problem(send, path):
    answer = send("administrator", "GET", path)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert answer.json["status"] == 404 and answer.json["trip"]


@pytest.mark.parametrize(
    ("path", "method"),
    [(THINGS, "PUT"), (f"{THINGS}1", "POST"), (f"{THINGS}schema", "DELETE"), ("/api/v1/openapi.json", "POST")],
)  # fmt: skip
def test_another_method_is_answered_with_those_that_there_are(send, path, method):
    answer = send("administrator", method, path)
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", [THINGS, f"{THINGS}1", f"{THINGS}schema", "/api/v1/openapi.json"])
def test_head_gives_the_headers_of_get_and_no_body(send, path):
    whole, head = send("administrator", "GET", path), send("administrator", "HEAD", path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers.get("ETag") == whole.headers.get("ETag")


@pytest.mark.parametrize("accept", ["image/png", "text/html", "application/xml;q=0.9", "*/*", ""])
def test_what_cannot_be_given_as_asked_is_given_as_json(send, accept):
    answer = send("administrator", "GET", THINGS, Accept=accept)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")


def test_strangers_are_asked_for_a_key_and_people_led_to_the_sign_in(client):
    for method, path in (("GET", THINGS), ("POST", THINGS), ("GET", "/api/v1/openapi.json")):
        answer = client.open(path, method=method)
        assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert client.get("/api/docs").location == "/auth/login?next=/api/docs"


# Pages -----------------------------------------------------------------------------------------


def test_the_pages_show_what_their_reader_may_see(app, keys):
    for first, sees in (("alice", True), ("bob", False)):
        person = sign_in(app, first)
        assert 'href="/api/docs/things/thing"' in person.get("/api/docs").text
        page = person.get("/api/docs/things/thing").text
        assert (f"<code>{HIDDEN}</code>" in page) is sees
        assert "things__thing" not in page and "Create a record" in page
        assert person.get("/api/docs/things/nothing").status_code == 404


def test_a_table_that_is_private_has_no_page_for_others(app):
    workspace.make(app)
    bob = sign_in(app, "bob")
    with app.app_context():
        alice = Actor.of(people.find("alice@example.com"))
        people.set_roles(people.find("bob@example.com").id, [], alice)
    assert bob.get("/api/docs/things/thing").status_code == 404
    assert "things" not in bob.get("/api/docs").text.partition("<main")[2]


def test_code_to_copy_says_what_was_meant():
    body = {"name": "it's “blue”", "active": True, "note": None}
    request = samples.Request("POST", "http://x/?a=1&b=2", body)
    assert "$" not in samples.curl(request) and "it'\"'\"'s" in samples.curl(request)
    assert "it''s" in samples.powershell(request)
    tree = ast.parse(samples.python(request))
    written = next(one.value for one in tree.body if isinstance(one, ast.Assign))
    assert ast.literal_eval(written) == body


def test_code_to_copy_changes_what_creating_leaves_free(app, keys, send):
    with app.test_request_context():
        live = catalog.tables()["things", "thing"]
        alice = Actor.of(people.find("alice@example.com"))
        found = {one.name: one for one in pages.of(alice, live, THINGS).samples}
        unique = {one.name for one in live.table.fields if one.unique}
        db.session.remove()
    sent = json.loads(re.search(r"-d '(.*)'", found["change"].codes["curl"])[1])
    assert unique and not unique & sent.keys() and sent["version"] == 1
    assert len(sent) == 2 and f"{THINGS}1 " in found["record"].codes["curl"]
    assert send("administrator", "PATCH", f"{THINGS}1", sent).status_code == 200


def test_code_to_copy_is_of_the_first_record_that_its_reader_sees(app, keys, send):
    assert send("administrator", "PATCH", f"{THINGS}1?force=true", {"status": "closed"}).json
    assert send("administrator", "PATCH", f"{THINGS}2?force=true", {"name": "Other"}).json
    page = sign_in(app, "bob").get("/api/docs/things/thing").text
    assert f"{THINGS}2 " in page and f"{THINGS}1 " not in page
    assert "&#34;version&#34;: 2}" in page


def test_code_to_copy_prints_what_is_refused(client):
    code = samples.python(samples.Request("GET", "http://127.0.0.1:9/"))
    assert "except urllib.error.HTTPError as error:\n    print(error.read().decode())" in code
    ast.parse(code)


def shown_to(app, who: str) -> Any:
    with app.test_request_context():
        live = catalog.get(Actor.of(people.find(f"{who}@example.com")), "things", "thing")
        found = pages.of(Actor.of(people.find(f"{who}@example.com")), live, THINGS)
        db.session.remove()
    return found


def test_addresses_stand_by_what_they_are_about_and_deleting_the_table_last(app, keys):
    found = shown_to(app, "alice").addresses
    methods = {about: [one.method for one in addresses] for about, addresses in found.items()}
    assert methods == {
        "The list": ["GET", "POST", "GET", "POST", "POST"],
        "A record": ["GET", "PATCH", "PUT", "DELETE", "POST", "GET"],
        "The table itself": ["GET", "GET", "PUT", "DELETE"],
    }
    sentences = [one.summary for addresses in found.values() for one in addresses]
    assert len({*sentences}) == len(sentences) and "`" not in "".join(sentences)
    assert shown_to(app, "bob").addresses.keys() == found.keys()
    assert "definition" not in str(shown_to(app, "bob").addresses)


def test_fields_say_what_their_values_are_held_to(app, keys):
    found = {one.name: one.kind for one in shown_to(app, "alice").fields}
    assert found["status"].startswith("choice: ") and ", " in found["status"]
    assert found["name"].endswith(" characters") and found["id"] == "integer"
    assert any(", unique" in kind for kind in found.values())


def test_many_choices_are_not_all_named():
    assert pages._some(["a", "b"]) == "a, b"
    many = [str(number) for number in range(pages.MOST_CHOICES + 3)]
    assert pages._some(many).endswith(", 11 and 3 more")


def test_answers_with_a_record_have_its_version_as_a_header(ask):
    for path in ask("administrator", "/api/v1/openapi.json")["paths"].values():
        for method in path.values():
            for status in ("200", "201"):
                answer = method["responses"].get(status, {})
                content = answer.get("content", {}).get("application/json", {}).get("schema", {})
                if content.get("$ref") in ("#/components/schemas/things__thing",):
                    assert "ETag" in answer["headers"]


def test_the_numbers_of_the_manual_are_those_of_the_code(bob):
    page = bob.get("/docs/api").text
    assert f"{lists.USUAL} unless it says otherwise, up to {lists.MOST:,}" in page
    assert f"up to {bodies.MOST_ITEMS:,} items" in page
    assert f"at most {bodies.DEEPEST} levels" in page
    assert f"up to {services.LONGEST_KEY} characters" in page
    assert f"up to {listing.MOST_FILTERS} filters" in page
    assert f"up to {listing.MOST_SORTED} fields" in page
    assert f"for {services.KEPT.total_seconds() / 3600:.0f} hours" in page
    first, *more, last = (words.lower() for words in forms.LASTS.values())
    assert f"lasts {', '.join((first, *more))} or {last}" in page
    scopes = page.partition("Scopes of keys")[2].partition("</table>")[0]
    assert re.findall(r"<code>(\w+)</code>", scopes) == [*SCOPES] == [*forms.SCOPES]
    rate = next(one.default for one in SETTINGS if one.name == "API_RATE")
    assert f"{rate.partition('/')[0]} a {rate.partition('/')[2]} unless" in page


def test_the_table_that_the_manual_makes_can_be_made_as_it_stands(app, bob):
    page = html.unescape(bob.get("/docs/api").text)
    body = json.loads(re.search(r'<code>(\{"label".*?)</code>', page, re.S)[1])
    with app.app_context():
        key = tokens.create(Actor.of(people.find("bob@example.com")), "designs", "design")[1]
    bearer = {"Authorization": f"Bearer {key}"}
    made = app.test_client().post("/api/v1/", json=body, headers=bearer)
    assert made.status_code == 201, made.text
    assert [one["name"] for one in made.json["fields"]] == ["name", "arrives", "badge"]


# Formats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("kind", [*lists.KINDS])
def test_a_list_is_given_in_every_format_that_is_described(ask, send, kind, who):
    answer = send(who, "GET", f"{THINGS}?format={kind}")
    found = ask(who, "/api/v1/openapi.json")["paths"][THINGS]["get"]["responses"]["200"]
    assert (answer.status_code, answer.mimetype) == (200, lists.KINDS[kind])
    assert answer.mimetype in found["content"] and answer.data


def test_an_address_that_changes_something_says_force_with_true_or_false_alone(send):
    answer = send("administrator", "PATCH", f"{THINGS}1?force=maybe", {"name": "x"})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "force")
