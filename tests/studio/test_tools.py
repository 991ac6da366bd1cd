"""`flask tool`, and the settings of a table that is declared in code."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import blueprints
from app.tables import catalog
from tests.studio.conftest import form_in

DROP_INS = Path(__file__).parents[1] / "suites" / "drop_ins"
SETTINGS = "/studio/visitors/visitor/"


@pytest.fixture
def more_settings() -> Any:
    path = list(blueprints.__path__)
    yield {"PLUGIN_DIRS": (DROP_INS,)}
    blueprints.__path__[:] = path


def flask(app: Any, *words: str) -> Any:
    return app.test_cli_runner().invoke(args=["tool", *words])


def test_tools_are_listed_with_their_tables(app, made, bob):
    made(bob)
    found = json.loads(flask(app, "list", "--json").stdout)
    assert {"tool": "visitors", "table": "visitor", "label": "Visitors"} in found
    assert {"tool": "crew", "table": "crew", "label": "Crew"} in found
    assert "crew/crew\tCrew" in flask(app, "list").stdout


def test_a_tool_of_the_browser_is_deleted_and_one_of_code_is_not(app, made, bob):
    made(bob)
    assert flask(app, "delete", "crew").stdout == "Crew was deleted.\n"
    assert bob.get("/tools/crew/crew/").status_code == 404
    for name, words in (("crew", "There is no tool crew"), ("visitors", "declared in code")):
        done = flask(app, "delete", name)
        assert done.exit_code == 1
        assert words in done.output


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Über uns", "“uber_uns” can"),
        ("studio", "already"),
        ("visitors", "already"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_one_that_can(app, name, words):
    done = flask(app, "new", name)
    assert done.exit_code == 1
    assert words in done.output


def test_the_smallest_tool_is_a_tool_at_the_next_start(app, tmp_path, monkeypatch):
    monkeypatch.setattr(blueprints, "__file__", str(tmp_path / "__init__.py"))
    assert flask(app, "new", "loaned_books").exit_code == 0
    text = (tmp_path / "loaned_books.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 20
    assert "class LoanedBook(db.Model)" in text
    assert flask(app, "new", "loaned_books").exit_code == 1
    compile(text, "loaned_books.py", "exec")
    assert "blueprints.loaned_books" not in sys.modules


def test_what_is_said_in_the_browser_of_a_table_of_code_is_kept(app, alice):
    page = alice.get(SETTINGS)
    assert "declared in code" in page.text
    sent = form_in(page)
    sent |= {"label": ["Guests"], "label-name": ["Who"], "help-company": ["Where from"]}
    assert alice.send(SETTINGS, **sent).status_code == 303
    with app.app_context():
        table = catalog.tables()["visitors", "visitor"].table
        assert (table.label, table.by_name["name"].label) == ("Guests", "Who")
        assert table.by_name["company"].help == "Where from"


def test_the_options_of_a_model_can_be_said_otherwise_in_the_browser(app, alice):
    def options():
        with app.app_context():
            table = catalog.tables()["visitors", "visitor"].table
            return table.ordering, table.search_fields, table.readonly_fields

    assert options() == (("-seats",), (), ("badge",))
    sent = form_in(alice.get(SETTINGS))
    assert alice.send(SETTINGS, **sent | {"label": ["Guests"]}).status_code == 303
    assert options() == (("-seats",), (), ("badge",))
    changed = {"sort": ["name"], "readonly-seats": ["1"], "search-company": []}
    assert alice.send(SETTINGS, **form_in(alice.get(SETTINGS)) | changed).status_code == 303
    assert options() == (("name",), ("name", "host", "badge"), ("seats", "badge"))


def test_what_the_model_declares_is_not_changed_in_the_browser(app, alice):
    for changed in ({"type-host": ["date"]}, {"required-host": ["1"]}, {"unique-name": ["1"]}):
        answer = alice.send(SETTINGS, **form_in(alice.get(SETTINGS)) | changed)
        assert answer.status_code == 422
        assert "is declared in code" in answer.text
    assert alice.get(f"{SETTINGS}delete").status_code == 409


def test_what_the_model_declares_is_told_and_not_asked(app, alice):
    page = alice.get(SETTINGS).text
    assert "<code>blueprints/visitors.py</code>" in page
    assert (
        "<code>blueprints/equipment/models.py</code>" in alice.get("/studio/equipment/item/").text
    )
    rows = page[page.index('id="rows"') :].partition("</ol>")[0]
    assert "Text, required" in rows
    assert "<select" not in rows
    assert not re.search(r'name="(remove|add)"|"checkbox"[^>]*name="(required|unique)', page)


def test_an_error_of_a_field_that_is_not_on_the_page_leads_nowhere(app, alice):
    sent = form_in(alice.get(SETTINGS))
    answer = alice.send(SETTINGS, **sent | {"row": [one for one in sent["row"] if one != "host"]})
    assert answer.status_code == 422
    assert "Who expects them is declared in code" in answer.text
    assert 'href="#label-host"' not in answer.text
