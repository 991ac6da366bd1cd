"""The front page, and what happens when a blueprint is missing or broken."""

from __future__ import annotations

import subprocess
import sys

import pytest

import blueprints
from app import create_app
from app.extensions import db
from app.permissions import SIGNED_IN
from tests.conftest import running, sign_in


def test_home_shows_the_tools_and_ones_last_trip(app, bob):
    bob.get("/auth/account")
    page = bob.get("/").text
    for nav in [one for one in app.extensions["nav"] if one.right == SIGNED_IN]:
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


DROP_IN = """
from flask import Blueprint
import sqlalchemy as sa
import sqlalchemy.orm as so
from app.extensions import db
from app.permissions import public
bp = Blueprint("wobbly", __name__, url_prefix="/wobbly")
@bp.before_app_request
def refuse():
    raise RuntimeError("hook of a drop-in that was left out")
@bp.get("/")
@public
def index():
    return "here"
"""
RAISING = (
    "def init_app(app):\n    app.before_request(refuse)\n    raise RuntimeError('it wobbles')\n"
)
TWICE = "@bp.get('/it-wobbles')\ndef index():\n    return 'two views of one name'\n"
UNMAPPED = (
    "class Thing(db.Model):\n"
    "    other_id: so.Mapped[int] = so.mapped_column(sa.ForeignKey('wobbly__other.id'))\n"
    "    it_wobbles = so.relationship('Missing')\n"
    "class Other(db.Model):\n    thing = so.relationship('Thing')\n"
)


@pytest.mark.parametrize("end", [RAISING, TWICE, UNMAPPED], ids=["init_app", "views", "models"])
def test_what_is_left_out_leaves_no_hook_no_route_and_no_model(instance, drop_ins, end):
    (drop_ins / "wobbly.py").write_text(DROP_IN + end, encoding="utf-8")
    for app in running(started(instance, drop_ins)):
        alice = sign_in(app, "alice")  # a query of the core, with its models
        assert list(app.extensions["broken"]) == ["wobbly"]
        assert "wobbly" in alice.get("/").text
        assert alice.get("/wobbly/").status_code == 404
        assert "wobbly" not in app.blueprints
    assert not [name for name in db.metadata.tables if name.startswith("wobbly")]
    for app in running(started(instance, drop_ins)):
        assert list(app.extensions["broken"]) == ["wobbly"], "it is found broken again"


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
