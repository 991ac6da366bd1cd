"""The house's rules about imports and size, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

LAYERS = {
    "app.headers": 0,
    "app.errors": 1,
    "app.extensions": 1,
    "app.clock": 2,
    "app.fields": 3,
    "app.fields.inputs": 3,
    "app.fields.lookups": 3,
    "app.fields.base": 3,
    "app.fields.text": 3,
    "app.fields.number": 3,
    "app.fields.date": 3,
    "app.fields.choice": 3,
    "app.models": 4,
    "app.permissions": 4,
    "app.database": 4,
    "app.sessions": 5,
    "app.throttle": 6,
    "app.hooks": 7,
    "app.pages": 7,
    "app.serve": 8,
    "app.cli": 8,
}
"""Modules of the core by layer; a module imports only from layers below it or its own."""


def modules(folder: str) -> dict[str, ast.Module]:
    found = {}
    for path in sorted((CHECKOUT / folder).rglob("*.py")):
        name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


CORE, BLUEPRINTS = modules("app"), modules("blueprints")


@pytest.mark.parametrize("name", sorted(set(CORE) - {"app"}))
def test_the_core_imports_no_blueprint(name):
    assert not {other for other in imports(CORE[name]) if other.startswith("blueprints")}


@pytest.mark.parametrize("name", sorted(BLUEPRINTS))
def test_a_blueprint_imports_no_other_blueprint(name):
    own = ".".join(name.split(".")[:2])
    others = {other for other in imports(BLUEPRINTS[name]) if other.startswith("blueprints.")}
    assert not {other for other in others if not (other + ".").startswith(own + ".")}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_imports_in_the_core_go_one_way(name):
    above = {other for other in imports(CORE[name]) if LAYERS.get(other, 0) > LAYERS[name]}
    assert not above


def test_what_may_be_called_anywhere_imports_nothing_of_the_app_when_it_is_loaded():
    top = [node for node in CORE["app.trips"].body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not {name for name in imports(ast.Module(top, [])) if name.startswith("app")}


@pytest.mark.parametrize(
    "name", sorted(n for n in {**CORE, **BLUEPRINTS} if n.endswith(("services", "models")))
)
def test_services_and_models_know_nothing_of_the_request(name):
    tree = {**CORE, **BLUEPRINTS}[name]
    forbidden = {
        f"flask.{word}"
        for word in ("request", "session", "g", "render_template", "url_for", "flash", "abort")
    }
    if (
        name != "blueprints.trips.services"
    ):  # shows what was recorded: the app's own address map among it
        assert not imports(tree) & forbidden


@pytest.mark.parametrize("name", sorted(n for n in BLUEPRINTS if n.endswith("views")))
def test_views_never_commit_and_never_query(name):
    calls = {node.attr for node in ast.walk(BLUEPRINTS[name]) if isinstance(node, ast.Attribute)}
    assert not calls & {"commit", "execute", "scalar", "scalars", "rollback", "flush"}


def test_hooks_are_listed_where_they_are_defined_in_running_order():
    tree = CORE["app.hooks"]
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    for registry in ("BEFORE", "AFTER"):
        listed = next(
            [name.id for name in node.value.elts]
            for node in tree.body
            if isinstance(node, ast.Assign) and node.targets[0].id == registry
        )
        assert [name for name in defined if name in listed] == listed


def test_every_hook_says_in_one_line_why_it_is_there():
    from app import hooks

    for hook in (*hooks.BEFORE, *hooks.AFTER):
        assert hook.__doc__
        assert "\n" not in hook.__doc__.strip()
        assert hook.__doc__.strip().endswith((".", ")"))
