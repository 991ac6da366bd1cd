"""The manual is whole and true: it names everything, and every link in it leads somewhere."""

from __future__ import annotations

import inspect
import json
import logging
import pkgutil
import re
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import Any

import click
import pytest

from app import create_app, errors, hooks, permissions, trips
from app.config import SETTINGS
from app.expressions import FUNCTIONS
from app.trips.recording import name_of
from app.trips.report import as_dict
from app.trips.stages import STAGES, TITLES
from app.trips.trip import Trip
from blueprints.docs.pages import PAGES
from tests.conftest import running, sign_in

SLUGS = [page.slug for page in PAGES]
SHOWN = "components"  # a page of examples: its links are there to be looked at


@pytest.fixture
def page(bob) -> Any:
    """A function: slug → the HTML of that page, as Bob sees it."""

    @cache
    def read(slug: str) -> str:
        answer = bob.get(f"/docs/{slug}")
        assert answer.status_code == 200, slug
        return str(answer.text)

    return read


def codes(html: str) -> set[str]:
    """What a page sets as code."""
    found = re.findall(r"<code>(.*?)</code>", html, re.S)
    return {unescape(re.sub(r"<.*?>", "", text)) for text in found}


def main(html: str) -> str:
    """What is special about a page: without the frame."""
    return html.partition("<main")[2].partition("<footer")[0]


def ids(html: str) -> set[str]:
    return set(re.findall(r'\bid="([^"]+)"', html))


# Pages -----------------------------------------------------------------------------------------


def test_every_page_has_one_heading_and_a_title(page):
    for one in PAGES:
        html = page(one.slug)
        assert [unescape(words) for words in re.findall(r"<h1>(.*?)</h1>", html)] == [one.title]
        assert f"<title>{escape(one.title)} ·" in html
        assert len(ids(html)) == len(re.findall(r'\bid="', html)), one.slug


def test_the_contents_name_every_page_with_its_sentence(bob):
    html = unescape(bob.get("/docs/").text)
    for one in PAGES:
        assert f'href="/docs/{one.slug}">{one.title}</a>' in html
        assert one.text in html


def test_every_template_of_the_manual_is_a_page(app):
    folder = app.root_path + "/templates/docs"
    names = app.jinja_env.list_templates(filter_func=lambda name: name.startswith("docs/"))
    found = {name[5:-5] for name in names if re.fullmatch(r"docs/[a-z]+\.html", name)}
    assert found - {"index"} == set(SLUGS), folder


def test_a_page_that_is_not_there_is_a_404(bob):
    answer = bob.get("/docs/nowhere")
    assert answer.status_code == 404
    assert "no page called “nowhere”" in answer.text


def test_strangers_do_not_read_the_manual(client):
    assert client.get("/docs/start").location.startswith("/auth/login")


def test_every_link_and_anchor_leads_somewhere(bob, page):
    @cache
    def ids_at(path: str) -> set[str]:
        answer = bob.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        return ids(answer.text)

    for slug in {"", *SLUGS} - {SHOWN}:
        for link in map(unescape, re.findall(r'href="([^"]+)"', main(page(slug)))):
            path, _, anchor = link.partition("#")
            assert path.startswith("/") or not path, f"{link} leaves the app"
            assert not anchor or anchor in ids_at(path or f"/docs/{slug}"), f"{link} on {slug}"
            ids_at(path or f"/docs/{slug}")


@pytest.mark.parametrize("missing", ["trips", "equipment"])
def test_pages_can_do_without_a_blueprint_and_files_that_are_gone(
    instance, tmp_path, monkeypatch, missing
):
    find = pkgutil.iter_modules
    kept = lambda paths: (one for one in find(paths) if one.name != missing)  # noqa: E731
    monkeypatch.setattr("blueprints.pkgutil.iter_modules", kept)
    monkeypatch.setattr("blueprints.docs.services.CHECKOUT", tmp_path)
    for app in running(create_app({"INSTANCE": instance, "TESTING": True})):
        bob = sign_in(app, "bob")
        for slug in SLUGS:
            assert missing not in re.findall(
                r'href="/(?:tools/)?(\w+)', main(bob.get(f"/docs/{slug}").text)
            )


# Whole -----------------------------------------------------------------------------------------


def test_every_setting_is_named_with_its_default_and_help(page):
    html = page("settings")
    for setting in SETTINGS:
        assert f"ROUNDTRIP_{setting.name}" in codes(html)
        assert setting.help in unescape(html)
        assert setting.name.lower() in ids(html)
    defaults = re.findall(r'data-label="Default"><code>(.*?)</code>', html)
    assert "/" not in "".join(one for one in defaults if not re.match("[0-9]+/", one))


def test_every_command_is_named_with_its_options(app, page):
    text = unescape(re.sub(r"<.*?>", "", page("commands")))
    for name, command in walk(app.cli, "flask"):
        assert f">{name}</h2>" in page("commands")
        assert inspect.cleandoc(command.help or "?") in text
        for option in [one for one in command.params if not getattr(one, "hidden", False)]:
            assert all(word in text for word in option.opts if word.startswith("-"))
    assert "flask upgrade" in text and "flask user reset-link" in text


def walk(group: Any, above: str) -> Any:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from walk(command, f"{above} {name}")
        else:
            yield f"{above} {name}", command


def test_every_hook_of_the_core_is_named_in_running_order(page):
    html = page("middleware")
    names = [name_of(hook) for hook in (*hooks.BEFORE, *hooks.AFTER)]
    assert re.findall(r"<th [^>]*><code>(hooks\.\w+)</code>", html) == names
    for hook in (*hooks.BEFORE, *hooks.AFTER):
        assert hook.__doc__ in unescape(html)


def test_every_stage_has_its_part_of_the_round_trip(app, page):
    html = page("cycle")
    parts = re.findall(r'<h2 id="(\w+)">(.*?)</h2>', html)
    assert parts[:9] == [
        (name, f"{n}. {title}")
        for n, (name, title) in enumerate(zip(STAGES, TITLES, strict=True), 1)
    ]
    assert set(STAGES) <= codes(page("trips"))
    assert 'href="/trips/pipeline"' in main(html) or "trips" not in app.blueprints
    assert html.count("<svg") == 1 and not re.search(r"<svg[^>]*(style|class)=", html)


def test_every_error_class_and_right_is_named(app, page):
    classes = {
        name
        for name, one in vars(errors).items()
        if inspect.isclass(one) and issubclass(one, errors.AppError)
    }
    assert classes <= codes(page("blueprint"))
    declared = {permissions.right_of(view) for view in app.view_functions.values()}
    rights = {right[0] for right in declared if right} | permissions.WORKSPACE_RIGHTS
    assert rights <= codes(page("security"))


def test_every_function_that_code_may_call_is_named(page):
    public = {
        n for n, f in vars(trips).items() if inspect.isfunction(f) and f.__module__ == "app.trips"
    }
    assert public == {
        code.partition("(")[0] for code in codes(page("trips")) if code.partition("(")[0] in public
    }
    from app.trips.testing import TripCheck

    for name in (name for name in vars(TripCheck) if not name.startswith("_")):
        assert any(code.startswith(f"{name}(") for code in codes(page("testing")))


def test_every_function_of_formulas_is_named_as_it_is_used(page):
    text = " ".join(codes(page("formulas")))
    for name, function in FUNCTIONS.items():
        assert function.usage in text or f"{name}(text" in text, name


# True ------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    not (Path(__file__).parents[2] / "blueprints" / "trips").is_dir(),
    reason="the pages of trips have been deleted here",
)
def test_every_field_of_a_trip_is_explained(page, alice, bob):
    trip = Trip("GET", "/", 1)
    for kind in ("before", "view", "query", "query", "template"):
        trip.close(trip.open(kind, "one"))
    trip.log("event", "said")
    trip.lazy = {("Order.lines", "list.html"): 3}
    trip.end()
    data = as_dict(trip)
    answer = bob.get("/auth/account")
    seen = alice.get(f"/trips/{answer.headers['X-Trip-Id']}.json")
    assert_explained(
        page("trips"), "trip", set(data) | set(seen.json or {} if seen.status_code == 200 else {})
    )
    assert_explained(page("trips"), "stages", set(data["stages"][0]))
    parts = [part for name in ("hooks", "queries", "templates", "steps") for part in data[name]]
    assert_explained(page("trips"), "parts", set().union(*parts))
    facts = [fact for name in ("logs", "repeated", "lazy") for fact in data[name]]
    assert_explained(page("trips"), "facts", set().union(*facts))


def assert_explained(html: str, section: str, fields: set[str]) -> None:
    part = re.split(r'<h[23] id="', html.partition(f'id="json-{section}"')[2])[0]
    assert set(re.findall(r'class="key wrap"><code>(.*?)</code>', part)) == fields


def test_every_field_of_the_log_line_is_explained(app, bob, page, caplog):
    app.config["ROUNDTRIP_LOG_FORMAT"] = "json"
    caplog.set_level(logging.INFO, "roundtrip.request")
    bob.get("/auth/account")
    line = json.loads(caplog.messages[-1])
    logged = page("security").partition('id="log"')[2].partition("<h2")[0]
    assert set(line) <= codes(logged)


def test_numbers_of_other_blueprints_are_right(page):
    from app import people
    from blueprints.auth import services

    html = page("security")
    assert f"{people.SHORTEST} to {people.LONGEST} characters" in html
    assert f"works for {services.SETUP_MINUTES} minutes" in html
    assert f"choose a password for {people.RESET_MINUTES}" in html
    assert people.hasher().memory_cost == 19 * 1024


def test_the_example_is_shown_as_it_runs(page):
    from tests.docs import test_audit, test_shown

    assert test_audit.EXAMPLE.read_text(encoding="utf-8").rstrip() in codes(page("middleware"))
    for name, function in vars(test_shown).items():
        if name.startswith("test_"):
            assert inspect.getsource(function).rstrip() in "\n".join(codes(page("testing")))


def test_every_page_of_the_app_that_is_linked_exists(app):
    for path in Path(app.root_path, "templates", "docs").glob("*.html"):
        for endpoint in re.findall(r'see\("([^"]+)"', path.read_text(encoding="utf-8")):
            gone = endpoint.partition(".")[0] not in app.blueprints
            assert gone or endpoint in app.view_functions, f"{endpoint} on {path.stem}"


WHOLE = pytest.mark.skipif(
    not all(
        (Path(__file__).parents[2] / "blueprints" / name).is_dir()
        for name in ("equipment", "trips")
    ),
    reason="the manual explains blueprints that have been deleted here",
)


@WHOLE
def test_every_file_that_is_named_exists(app, page):
    named = {code for slug in SLUGS for code in codes(page(slug))}
    folders = "app|blueprints|templates|static|tests|deploy"
    for name in {name for name in named if re.fullmatch(rf"(?:{folders})/[\w./-]*", name)}:
        assert (Path(app.root_path) / name).exists(), name


def test_nothing_is_said_to_be_missing_that_is_there(app, page):
    for slug in SLUGS:
        for name in re.findall(r"<code>(.*?)</code> is not part of this", page(slug)):
            assert not Path(app.root_path, name).exists(), f"{name} on {slug}"


@WHOLE
def test_every_command_that_is_typed_exists(app, page):
    known = {name for name, _ in walk(app.cli, "flask")} | {
        "flask run",
        "flask routes",
        "flask shell",
        "flask db",
    }
    typed = {code for slug in SLUGS for code in codes(page(slug)) if code.startswith("flask ")}
    for code in typed:
        assert any(
            code == name or code.startswith(name + " ") or name.startswith(code + " ")
            for name in known
        ), code


def test_every_setting_that_is_typed_exists(page):
    typed = {name for slug in SLUGS for name in re.findall(r"ROUNDTRIP_([A-Z_]*[A-Z])", page(slug))}
    assert typed == {setting.name for setting in SETTINGS}
