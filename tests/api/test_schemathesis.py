"""Schemathesis against the description: whatever it tries, the API answers as it says, and never breaks."""

from __future__ import annotations

import importlib
from collections import Counter
from typing import Any

import pytest
from flask import abort

from app import create_app
from tests.api import workspace
from tests.conftest import running

schemathesis = pytest.importorskip("schemathesis", reason="test requirements are missing")

EXAMPLES, STEPS, SEED = 5, 5, 20_261_129
REFUSED = "400 401 403 404 405 406 409 412 413 415 422 428 429".split()
ACCEPTED = "2xx 304 403 404 409 412 422 428".split()
"""What a schema cannot say is refused too: a link to nothing, a value that must be unique, an old version."""


@pytest.fixture(autouse=True)
def no_words_for_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Schemathesis 4.32.5 hands what is for sockets to Werkzeug too where a check asks without a session."""
    from schemathesis.transport.wsgi import WSGITransport as transport

    send = transport.send

    def without(self: Any, case: Any, **more: Any) -> Any:
        for name in ("max_redirects", "verify", "cert", "proxies"):
            more.pop(name, None)
        return send(self, case, **more)

    monkeypatch.setattr(transport, "send", without)


def settings(key: str) -> Any:
    """All checks and all phases, the same examples each time."""
    listed = {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "400"]}}
    return schemathesis.Config.from_dict(
        {
            "seed": SEED,
            "cache": {"enabled": False},
            "continue-on-failure": True,
            "headers": {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"},
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True},
            "phases": {"stateful": {"max-steps": STEPS}},
            # that a list takes so many filters, which key of a page is one of it, and how many changes there are
            "operations": [
                {"include-operation-id-regex": "^(list_records|changes)", "checks": listed}
            ],
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ACCEPTED},
                "negative_data_rejection": {"expected-statuses": REFUSED},
            },
        }
    )


def findings(app: Any, key: str, skipped: str = "") -> tuple[dict[str, str], Counter[str]]:
    """What Schemathesis has found, in words, and how many cases each phase had; without the operations
    that `skipped` matches."""
    from schemathesis.engine import events, from_schema

    schema = schemathesis.openapi.from_wsgi(
        "/api/v1/openapi.json",
        app,
        config=settings(key),
        headers={"Authorization": f"Bearer {key}"},
    )
    schema = schema.exclude(path_regex="^/api/v1/equipment/")
    schema = schema.exclude(operation_id_regex=skipped) if skipped else schema
    found: dict[str, str] = {}
    cases: Counter[str] = Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            cases[event.phase.value] += len(event.recorder.cases)
            found |= failed(event.recorder)
        elif isinstance(event, events.NonFatalError):
            found[f"{event.label}: {event.value!r}"] = event.info.format()
        elif isinstance(event, events.FatalError):
            raise event.exception
    return found, cases


def failed(recorder: Any) -> dict[str, str]:
    """Failures by operation and check, each with its request and answer."""
    found = {}
    for id, nodes in recorder.checks.items():
        for node in nodes:
            if node.failure_info is not None:
                case, failure = recorder.cases[id].value, node.failure_info.failure
                found[f"{case.operation.label}: {node.name}: {failure.title}"] = (
                    f"{failure.message}\n{node.failure_info.code_sample}"
                )
    return found


@pytest.mark.parametrize(
    ("database", "who"),
    [("sqlite", "administrator"), ("postgresql", "member")],
    indirect=["database"],
)
def test_nothing_that_is_sent_is_answered_otherwise_than_described(database, who):
    found, cases = findings(database, getattr(workspace.make(database), who))
    assert not found, "\n\n".join(f"{name}\n{words[:1500]}" for name, words in found.items())
    assert cases.keys() == {"examples", "coverage", "fuzzing", "stateful"}
    assert min(cases.values()) > 20, cases


def _as_text(record: Any) -> Any:
    return {**record, "id": str(record["id"])}


def _broken(*_: Any) -> Any:
    raise ZeroDivisionError


FAULTS = {
    "response_schema_conformance": (
        "documents.record",
        lambda was: lambda *one: _as_text(was(*one)),
    ),
    "ZeroDivisionError": ("bodies.whole", lambda was: _broken),
    "status_code_conformance": ("services.create", lambda was: _teapot),
    "negative_data_rejection": ("lists.number", lambda was: lambda *one: 1),
}


def _teapot(*_: Any) -> Any:
    abort(418)


@pytest.mark.parametrize("check", [*FAULTS])
def test_a_fault_that_is_planted_is_found(app, monkeypatch, check):
    place, make = FAULTS[check]
    module, _, name = place.partition(".")
    module = importlib.import_module(f"blueprints.api.{module}")
    monkeypatch.setattr(module, name, make(getattr(module, name)))
    few = "^(?!(create|delete|changes|read_record)__things__group)"
    found, _cases = findings(app, workspace.make(app).administrator, few)
    assert any(f": {check}" in one for one in found), found.keys()


OFF = dict.fromkeys(("SIGNIN_RATE", "API_RATE", "TRIPS"), "off")


@pytest.fixture
def app(instance):
    """The app without limits for those who ask often."""
    yield from running(create_app({"INSTANCE": instance, "TESTING": True, **OFF}))


@pytest.fixture
def database(request, instance):
    """The same on SQLite or PostgreSQL."""
    settings = {"INSTANCE": instance, "TESTING": True, **OFF}
    if request.param == "postgresql":
        settings["DATABASE_URL"] = request.getfixturevalue("postgresql_workspace")
    yield from running(create_app(settings))
