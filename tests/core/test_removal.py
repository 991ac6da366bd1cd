"""Delete the folders of an optional blueprint and all of it is gone; the rest works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
NAMES = ("people", "api", "trips", "files", "charts", "docs", "equipment")
OPTIONAL = [name for name in NAMES if (CHECKOUT / "blueprints" / name).is_dir()]
IGNORED = (CHECKOUT / ".gitignore").read_text(encoding="utf-8").splitlines()
LEFT_OUT = shutil.ignore_patterns(
    ".git", *(line.strip("/") for line in IGNORED if line and not line.startswith("#"))
)

LOOK = """
import sys
from app import create_app, database
from app.permissions import right_of
app = create_app({"INSTANCE": sys.argv[1], "TESTING": True})
with app.app_context():
    database.upgrade(app)
    from app import sessions
    from app import people
    token = sessions.begin(people.add("a@example.com", "A", True, "several good words").id, "", "")
client = app.test_client()
with client.session_transaction() as session:
    session["_user_id"] = token
for rule in app.url_map.iter_rules():
    if "GET" in rule.methods and not rule.arguments:
        answer = client.get(rule.rule, buffered=True)
        assert answer.status_code < 500, (rule.rule, answer.status_code)
        assert all(f"/{gone}/" not in answer.text or gone == "docs" for gone in sys.argv[2:]), rule.rule
print("works")
"""


def copy_without(names: list[str], target: Path) -> Path:
    """A checkout in which these blueprints have been deleted."""
    shutil.copytree(CHECKOUT, target, ignore=LEFT_OUT)
    for name in names:
        for folder in ("blueprints", "templates", "tests", "static"):
            shutil.rmtree(target / folder / name, ignore_errors=True)
    return target


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("ROUNDTRIP_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environ | {"PYTHONUTF8": "1"},
        capture_output=True, encoding="utf-8", timeout=600,
    )  # fmt: skip


@pytest.mark.parametrize("name", OPTIONAL)
def test_without_an_optional_blueprint_every_page_that_is_left_answers(tmp_path, name):
    folder = copy_without([name], tmp_path / "checkout")
    done = run(folder, "-c", LOOK, str(tmp_path / "instance"), name)
    assert done.stdout.strip().endswith("works"), done.stderr[-3000:]


def test_without_the_optional_blueprints_no_test_that_is_left_needs_them(tmp_path):
    folder = copy_without(OPTIONAL, tmp_path / "checkout")
    done = run(folder, "-m", "pytest", "-qq", "--collect-only", "-n", "0", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-3000:]
    assert not [name for name in OPTIONAL if f"tests/{name}/" in done.stdout]


def test_without_all_optional_blueprints_the_tests_that_are_left_pass(tmp_path):
    folder = copy_without(OPTIONAL, tmp_path / "checkout")
    core = [f"tests/core/test_{name}.py" for name in ("hooks", "layers")]
    rest = ["tests/auth/test_sign_in.py", "tests/home", *core]
    done = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *rest)
    assert done.returncode == 0, done.stdout[-3000:]
