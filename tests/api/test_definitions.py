"""Tables themselves over the API: read, made, changed after a dry run, deleted."""

from __future__ import annotations

import pytest

from app.extensions import db
from app.models import Job
from app.tables import catalog
from tests.api.conftest import API, problem, refused

DEFINITION = f"{API}definition"


@pytest.fixture
def designer(program):
    """Alice's program, which may change tables."""
    return program("alice", "design")


@pytest.fixture
def document(designer, orders):
    """The definition of the orders, by which tests change it."""
    return designer.get(DEFINITION).json


def field(document, name):
    return next(one for one in document["fields"] if one["name"] == name)


def put(designer, document, query="", **headers):
    return designer.ask("PUT", DEFINITION + query, document, **headers)


def test_a_definition_sent_as_it_was_read_changes_nothing(designer, document):
    assert document["label"] == "Orders" and document["access"] == "edit"
    assert put(designer, document, "?dry_run=true").json["steps"] == []
    answer = put(designer, document)
    assert answer.status_code == 200 and answer.json == document


def test_a_new_field_is_there_and_gets_its_name_from_its_label(designer, document):
    document["fields"].append({"label": "Due date", "type": "date"})
    answer = put(designer, document)
    assert answer.status_code == 200, answer.text
    assert answer.json["fields"][-1]["name"] == "due_date"
    assert answer.json["version"] == document["version"] + 1
    made = designer.post(API, {"order_no": "X1", "due_date": "2026-02-03"})
    assert made.json["due_date"] == "2026-02-03"


def test_a_field_is_renamed_by_its_id_and_goes_when_it_is_left_out(designer, document):
    field(document, "customer")["name"] = "buyer"
    document["fields"] = [one for one in document["fields"] if one["name"] != "note"]
    assert put(designer, document).status_code == 200
    record = designer.get(f"{API}1").json
    assert record["buyer"] == "Bruno Eriksen 1" and "note" not in record


def test_a_field_that_was_taken_out_comes_back_by_its_id(designer, document):
    note = field(document, "note")
    document["fields"].remove(note)
    less = put(designer, document).json
    less["fields"].append(note)
    assert put(designer, less).status_code == 200
    assert "note" in designer.get(f"{API}1").json


def test_a_dry_run_counts_samples_and_names_what_stands_in_the_way(designer, document, stored):
    field(document, "customer").update(type="integer", options={})
    answer = put(designer, document, "?dry_run=true")
    assert answer.status_code == 200, answer.text
    found = answer.json
    assert [(one["kind"], one["risk"]) for one in found["steps"]] == [("retype", "checked")]
    check = found["checks"][0]
    assert check["counts"]["misfits"] == 3 and check["choices"] == ["clear", "keep"]
    assert check["samples"]["misfits"][0]["old"] == "Bruno Eriksen 1"
    assert [one["field"] for one in found["blocked"]] == ["customer"]
    assert stored(1)["customer"] == "Bruno Eriksen 1"
    assert "customer" in refused(put(designer, document))
    document["choices"] = {"customer": "clear"}
    assert put(designer, document, "?dry_run=true").json["blocked"] == []


def test_what_converts_records_is_a_job_that_can_be_followed(app, designer, document, stored, work):
    field(document, "quantity").update(type="text", options={})
    answer = put(designer, document)
    assert answer.status_code == 202, answer.text
    assert designer.get(answer.headers["Location"]).json["state"] == "queued"
    work()
    assert designer.get(answer.headers["Location"]).json["state"] == "done"
    assert stored(1)["quantity"] == "2"
    with app.app_context():
        assert db.session.query(Job).count() == 1


def test_f8_a_definition_is_changed_only_by_who_has_seen_it(designer, document):
    newer = {**document, "label": "All orders"}
    assert put(designer, newer, If_Match=f'"{document["version"]}"').status_code == 200
    problem(put(designer, document), 409)
    problem(put(designer, document, If_Match=f'"{document["version"]}"'), 412)
    unversioned = {name: one for name, one in document.items() if name != "version"}
    problem(put(designer, unversioned), 428)
    assert put(designer, unversioned, "?force=true").json["label"] == "Orders"


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"fields": []}, "fields", "Add a field"),
        ({"fields": {}}, "fields", "list of objects"),
        ({"fields": [1]}, "fields", "list of objects"),
        ({"fields": [{"label": "X"}]}, "fields.0", "label and a type"),
        ({"fields": [{"label": "X", "type": "blob"}]}, "fields.0.type", "there are"),
        ({"fields": [{"label": "", "type": "text"}]}, "fields.0.label", "1 to 100"),
        ({"fields": [{"label": "X", "type": "text", "color": 1}]}, "fields.0.color", "not known"),
        ({"fields": [{"label": "X", "type": "text", "required": 1}]}, "fields.0.required", "true"),
        ({"fields": [{"label": "X", "type": "text", "options": []}]}, "fields.0.options", "object"),
        ({"fields": [{"label": "X", "type": "text", "options": {"max": "a"}}]}, "fields.0", "Most"),
        ({"fields": [{"label": "X", "type": "text", "options": {"x": 1}}]}, "fields.0", "no option"),
        ({"fields": [{"label": "X", "type": "money", "options": {"currency": {}}}]}, "fields.0", ""),
        ({"fields": [{"label": "X", "type": "link", "options": {"table": 999}}]}, "fields", "links"),
        ({"fields": [{"label": "X", "type": "formula", "options": {"formula": "nope +"}}]}, "", ""),
        ({"fields": [{"label": "X", "type": "date", "default": "soon"}]}, "fields.0.default", "must"),
        ({"fields": [{"id": "zz", "label": "X", "type": "text"}]}, "fields.0.id", "no field of this"),
        ({"fields": [{"label": "X", "name": 'a"; DROP', "type": "text"}]}, "", "cannot be the name"),
        ({"fields": [{"label": "X", "type": "text"}, {"label": "x", "type": "text"}]}, "", "alike"),
        ({"label": ""}, "label", "1 to 100"),
        ({"label": 3}, "label", "text"),
        ({"title": 3}, "title", "text"),
        ({"title": "nope"}, "title", "nope"),
        ({"list_display": ["nope"]}, "list_display", "nope"),
        ({"access": "all"}, "access", "private"),
        ({"ordering": ["-nope"]}, "ordering", "nope"),
        ({"ordering": "id"}, "ordering", "list of names"),
        ({"search_fields": ["nope"]}, "search_fields", "nope"),
        ({"nope": 1}, "nope", "not known"),
        ({"choices": []}, "choices", "choices says"),
    ],
)  # fmt: skip
def test_what_cannot_be_declared_is_refused_at_its_place(designer, document, change, place, words):
    before = designer.get(DEFINITION).json
    for query in ("", "?dry_run=true"):
        answer = put(designer, {**document, **change}, query)
        assert answer.status_code in (404, 422), answer.text
        if answer.status_code == 422:
            found = [one for one in refused(answer).items() if one[0].startswith(place)]
            assert any(words in told for _, told in found), answer.text
    assert designer.get(DEFINITION).json == before


def test_a_table_is_made_in_a_tool_of_its_own_and_is_its_makers(program, client):
    bob, alice = program("bob", "design"), program("alice", "read")
    body = {
        "label": "Parts", "fields": [
            {"label": "Name", "type": "text", "required": True},
            {"label": "Price", "type": "money", "options": {"currency": "EUR"}},
            {"label": "State", "type": "choice", "options": {"choices": ["New", "Used"]}},
            {"label": "Mail", "type": "email"},
        ],
    }  # fmt: skip
    answer = bob.post("/api/v1/", body)
    assert answer.status_code == 201, answer.text
    assert answer.json["access"] == "private" and answer.json["tool"] == "parts"
    assert bob.get(answer.headers["Location"]).json == answer.json
    record = {"name": "Bolt", "price": "0.10", "state": "New", "mail": "a@example.com"}
    assert program("bob", "write").post("/api/v1/parts/parts/", record).status_code == 201
    assert alice.get("/api/v1/parts/parts/").status_code == 200
    second = {"label": "Boxes", "tool": "parts", "fields": [{"label": "N", "type": "integer"}]}
    assert bob.post("/api/v1/", second).json["tool"] == "parts"
    assert "label" in refused(bob.post("/api/v1/", second))
    assert "tool" in refused(bob.post("/api/v1/", {**second, "tool": "equipment"}))


@pytest.mark.parametrize(
    "body", [{}, {"label": "X"}, {"label": "X", "fields": []}, {"label": 1}, {"tool": [], "label": "X"}]
)  # fmt: skip
def test_a_table_that_cannot_be_is_not_made(app, designer, body):
    with app.app_context():
        before = len(catalog.tables())
    refused(designer.post("/api/v1/", body))
    with app.app_context():
        assert len(catalog.tables()) == before


def test_f7_the_same_table_asked_for_twice_is_made_once(designer):
    body = {"label": "Parts", "fields": [{"label": "Name", "type": "text"}]}
    first = designer.post("/api/v1/", body, Idempotency_Key="1")
    again = designer.post("/api/v1/", body, Idempotency_Key="1")
    assert (first.status_code, again.status_code) == (201, 201) and first.json == again.json


def test_a_table_is_deleted_and_can_be_restored(app, designer, document, alice):
    problem(designer.ask("DELETE", DEFINITION), 428)
    problem(designer.ask("DELETE", DEFINITION, If_Match='"99"'), 412)
    problem(designer.ask("DELETE", f"{DEFINITION}?version=99"), 409)
    answer = designer.ask("DELETE", f"{DEFINITION}?version={document['version']}")
    assert answer.status_code == 204
    problem(designer.get(API), 404)
    with app.app_context():
        number = max(one.id for one in db.session.query(catalog.Definition))
    assert alice.send(f"/studio/deleted/{number}/restore").status_code == 303
    assert designer.get(API).status_code == 200


@pytest.mark.parametrize("scope", ["read", "write"])
def test_c1_a_key_of_a_smaller_scope_sees_and_changes_no_definition(program, document, scope):
    script = program("alice", scope)
    problem(script.get(DEFINITION), 403)
    for method in ("PUT", "DELETE"):
        problem(script.ask(method, f"{DEFINITION}?force=true", document), 403)
    problem(script.post("/api/v1/", {"label": "X", "fields": []}), 403)


def test_who_may_not_design_is_refused_also_in_a_session(bob, document):
    assert bob.get(DEFINITION).status_code == 403
    headers = {"X-CSRFToken": bob.csrf()}
    assert bob.put(DEFINITION, json=document, headers=headers).status_code == 403


def test_a_definition_of_what_is_not_there_is_404(designer):
    for method in ("GET", "PUT", "DELETE"):
        problem(designer.ask(method, "/api/v1/no/such/definition", {}), 404)


def test_a_written_table_is_not_deleted_here(designer):
    problem(designer.ask("DELETE", "/api/v1/equipment/item/definition?force=true"), 409)
