"""The front page, and what happens when a blueprint is missing or broken."""

from __future__ import annotations

import subprocess
import sys

import pytest

import blueprints
from app import create_app
from tests.conftest import running, sign_in


def test_home_shows_the_tools_and_ones_last_trip(app, bob):
    bob.get("/auth/account")
    page = bob.get("/").text
    for nav in app.extensions["nav"]:
        assert nav.label in page
    assert "GET /auth/account" in page
    assert page.count('class="s-') > 3, "the last trip is drawn in its stages"


def test_one_never_sees_the_last_trip_of_somebody_else(alice, bob):
    alice.get("/auth/sessions")
    assert "/auth/sessions" not in bob.get("/").text.split("last trip")[-1]


@pytest.fixture
def drop_ins(tmp_path):
    """A folder of drop-ins that is forgotten afterwards."""
    folder = tmp_path / "drop-ins"
    folder.mkdir()
    path = list(blueprints.__path__)
    yield folder
    blueprints.__path__[:] = path
    for name in [name for name in sys.modules if name.startswith("blueprints.wobbly")]:
        del sys.modules[name]


BROKEN = "from flask import Blueprint\nbp = Blueprint('wobbly', __name__)\nraise RuntimeError('it wobbles')\n"


def started(instance, folder, **settings):
    return create_app({"INSTANCE": instance, "PLUGIN_DIRS": (folder,), **settings})


def test_a_broken_drop_in_is_left_out_and_named_to_administrators_only(instance, drop_ins):
    (drop_ins / "wobbly.py").write_text(BROKEN, encoding="utf-8")
    for app in running(started(instance, drop_ins)):
        assert "it wobbles" in sign_in(app, "alice").get("/").text
        assert "wobbl" not in sign_in(app, "bob").get("/").text


def test_a_broken_drop_in_raises_in_tests_and_safe_mode_skips_all(instance, drop_ins):
    (drop_ins / "wobbly.py").write_text(BROKEN, encoding="utf-8")
    with pytest.raises(RuntimeError, match="it wobbles"):
        started(instance, drop_ins, TESTING=True)
    for app in running(started(instance, drop_ins, TESTING=True, SAFE_MODE=True)):
        assert app.extensions["broken"] == {}
        assert sign_in(app, "alice").get("/").status_code == 200


def test_a_drop_in_gets_its_tables_and_its_line_in_the_rail(instance, drop_ins):
    (drop_ins / "wobbly.py").write_text(
        "from flask import Blueprint\n"
        "import sqlalchemy.orm as so\n"
        "from app.extensions import db\n"
        "from app.pages import Nav\n"
        "from app.permissions import signed_in\n"
        "bp = Blueprint('wobbly', __name__, url_prefix='/tools/wobbly')\n"
        "NAV = [Nav('Tools', 'Wobbly things', 'wobbly.index')]\n"
        "class Thing(db.Model):\n    name: so.Mapped[str]\n"
        "@bp.get('/')\n@signed_in\ndef index():\n    return str(db.session.query(Thing).count())\n",
        encoding="utf-8",
    )
    code = (
        "import sys, pathlib\nfrom app import create_app, database\n"
        "app = create_app({'INSTANCE': sys.argv[1], 'PLUGIN_DIRS': (pathlib.Path(sys.argv[2]),)})\n"
        "with app.app_context():\n"
        "    database.upgrade(app)\n"
        "    import sqlalchemy as sa\n"
        "    print(sa.inspect(database.db.engine).has_table('wobbly__thing'))\n"
        "    print([nav.label for nav in app.extensions['nav']])\n"
    )
    done = subprocess.run(  # in a process of its own: a mapped class stays for ever
        [sys.executable, "-c", code, str(instance), str(drop_ins)],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stdout.startswith("True"), done.stderr
    assert "Wobbly things" in done.stdout
