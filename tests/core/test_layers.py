"""The house's rules about imports and size, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

LAYERS = (
    (
        "app.config",
        "app.current",
        "app.devices",
        "app.headers",
        "app.logs",
        "app.rules",
        "app.threads",
        "app.trips",
    ),
    ("app.errors", "app.extensions"),
    ("app.clock", "app.forms", "app.migrations", "app.passwords"),
    ("app.fields",),
    ("app.expressions", "app.models", "app.permissions", "app.database", "app.questions"),
    ("app.audit", "app.jobs", "app.mail", "app.sessions", "app.tables", "app.tokens"),
    ("app.invites", "app.people", "app.roles", "app.sheets", "app.throttle", "app.worker"),
    ("app.downloads", "app.hooks", "app.pages"),
    ("app.cli", "app.serve"),
    ("app",),
)
"""The core from below, packages with all that is in them; a module imports only from its own layer and
those below."""


def layer_of(name: str) -> int:
    """The layer of a module: that of the nearest package which has one."""
    while not (found := [place for place, names in enumerate(LAYERS) if name in names]):
        name = name.rpartition(".")[0]
    return found[0]


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


@pytest.mark.parametrize("name", sorted(CORE))
def test_imports_in_the_core_go_one_way(name):
    others = {other for other in imports(CORE[name]) if other in CORE} - {"app"}
    assert not {other for other in others if layer_of(other) > layer_of(name)}


def test_every_module_of_the_core_has_its_layer():
    assert [name for name in CORE if name != "app" and layer_of(name) == layer_of("app")] == []


ORDER = {"models": 0, "services": 1, "forms": 2, "views": 2}
"""The parts of a blueprint from below."""


@pytest.mark.parametrize("name", sorted(n for n in BLUEPRINTS if n.rpartition(".")[2] in ORDER))
def test_imports_in_a_blueprint_go_one_way(name):
    home, _, part = name.rpartition(".")
    above = {f"{home}.{other}" for other, place in ORDER.items() if place > ORDER[part]}
    assert not imports(BLUEPRINTS[name]) & above


def test_what_may_be_called_anywhere_imports_nothing_of_the_app_when_it_is_loaded():
    top = [node for node in CORE["app.trips"].body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not {name for name in imports(ast.Module(top, [])) if name.startswith("app")}


REQUEST = {
    f"flask.{word}"
    for word in ("request", "session", "render_template", "url_for", "flash", "abort")
}
ENGINE = ("app.tables", "app.sheets", "app.fields", "app.expressions", "app.jobs", "app.database")
KNOWING = {
    "blueprints.trips.services"
}  # shows what was recorded: the app's own address map among it


@pytest.mark.parametrize(
    "name",
    sorted(
        n for n in {**CORE, **BLUEPRINTS}
        if n.endswith(("services", "models")) or n.startswith(ENGINE)
    ),
)  # fmt: skip
def test_what_decides_and_writes_knows_nothing_of_the_request(name):
    assert name in KNOWING or not imports({**CORE, **BLUEPRINTS}[name]) & REQUEST


@pytest.mark.parametrize(
    "name", sorted(n for n in BLUEPRINTS if n.endswith(("services", "models")))
)
def test_services_take_an_actor_and_do_not_look_who_asks(name):
    assert "flask.g" not in imports(BLUEPRINTS[name])


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
