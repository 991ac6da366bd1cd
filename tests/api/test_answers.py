"""What a write answers is what a read gives afterwards: of every type of field, in every way to write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.fields import Field
from tests.api.conftest import Program
from tests.core.laws import FIELDS, json_values
from tests.tools.conftest import declared

THINGS = "/api/v1/things/thing/"
KEPT = [one for one in FIELDS if one.type.target(one) is None and one.type.alone]
ODD = {
    "text": ["  blanks at the ends\u3000", "\u2028", "a\u2028b\u2029c", "é" * 255, "%s %(a)s", "\"'\\", "𝒳"],
    "long_text": ["a\r\nb\rc\n", " \n ", "\ta", "x" * 5_000],
    "decimal": ["1", "1.5", "-0", "0.10", 7, "-0.01"], "money": ["1", "-0.00", 10**12, "999999999999.99"],
    "integer": [0, "12", -1], "date_time": ["2026-03-29T02:30:00+02:00", "2026-12-24T18:30:00.120Z"],
    "yes_no": ["yes", False], "duration": ["1000:00:01", "-0:00:01"], "time": ["09:05", "23:59:59"],
}  # fmt: skip
"""What is taken and is not how it is kept."""


def sent(field: Field) -> st.SearchStrategy[Any]:
    """JSON for a field: blank, as its schema says, or odd."""
    odd = [st.sampled_from(ODD[field.name])] if field.name in ODD else []
    return st.one_of(st.none(), json_values(field), *odd)


RECORD = st.fixed_dictionaries(
    {}, optional={one.name: sent(one) for one in KEPT if not one.type.given}
)


def across(label: str, word: str, **options: Any) -> Field:
    """A field that is read of the records that a record links to, or that link to it."""
    label = f"{word} {label}".replace("_", " ").replace("-", " ")
    return declared(label, word, options={"link": "same", **options})


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """Many requests."""
    return {"API_RATE": "off"}


@pytest.fixture(params=["plain", "linked"])
def ask(request: Any, script: Program, made: Any) -> Program:
    """A table with a field of every type; `linked`: also with what is worked out and kept elsewhere."""
    more = ()
    if request.param == "linked":
        more = (
            declared("Owner", "person"), declared("Same", "link", options={"table": -1}),
            declared("Parts", "links", options={"table": -1}),
            declared("Twice", "formula", options={"expression": "integer * 2"}),
            declared("Owner name", "lookup", options={"link": "owner", "field": "name"}),
            *(across(one, "lookup", field=one) for one in ("same", "parts", "owner")),
            *(across(one.name, "lookup", field=one.name) for one in KEPT),
            *(
                across(f"{function} {one.name}", "rollup", function=function, field=one.name)
                for one in KEPT for function in one.type.aggregates
            ),
            declared("Later", "formula", options={"expression": "date + 1"}),
            declared("Whether", "formula", options={"expression": "yes_no and decimal > 1"}),
            declared("Made by", "created-by"), declared("Changed by", "updated-by"),
        )  # fmt: skip
    made(0, fields=(*KEPT, *more), name="thing", tool="things", label="Things")
    return script


def seen(ask: Program, answer: Any, status: int = 200) -> Any:
    """The record that a write has answered with, which a read gives too, and a list."""
    assert answer.status_code == status, answer.text
    record = answer.json
    assert ask.get(f"{THINGS}{record['id']}").json == record
    assert ask.get(f"{THINGS}?id={record['id']}").json["items"] == [record]
    return record


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10,
    phases=(Phase.explicit, Phase.generate),
)  # fmt: skip
@given(first=RECORD, second=RECORD)
def test_a_write_answers_with_what_is_read_afterwards(ask, first, second):
    taken = ask.post(THINGS, first)
    record = seen(ask, taken, 201)
    itself = {"same": record["id"], "parts": [record["id"]]} if "same" in record else {}
    more = {**second, **itself, "version": record["version"]}
    changed = ask.ask("PATCH", f"{THINGS}{record['id']}", more)
    seen(ask, changed)
    put = ask.ask("PUT", f"{THINGS}{record['id']}?force=true", first)
    version = seen(ask, put)["version"]
    assert ask.ask("DELETE", f"{THINGS}{record['id']}?version={version}").status_code == 204
    seen(ask, ask.post(f"{THINGS}{record['id']}/restore"))


@pytest.mark.parametrize("ask", ["linked"], indirect=True)
def test_the_history_has_what_is_stored_and_not_what_is_worked_out(ask):
    for body in ({"text": "a"}, {"text": "b", "same": 1, "parts": [1]}, {"text": "c", "same": 2}):
        record = ask.post(THINGS, body).json
    assert record["lookup_parts"] == [1] and record["lookup_auto_number"] == 2
    assert ask.ask("DELETE", f"{THINGS}3?version=1").status_code == 204
    told = ask.get(f"{THINGS}3/history").json["items"][0]
    kept = {"text", "same", "auto_number", "rich_auto_number", "made_by", "changed_by"}
    assert told["action"] == "delete" and told["changes"].keys() <= kept
