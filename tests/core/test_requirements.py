"""What is asked for, what is locked, and how much of it there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def pins(name: str) -> dict[str, str]:
    """Every `name==version` of a requirements file, by its normal name."""
    text = (CHECKOUT / name).read_text("utf-8")
    found = re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in found}


def test_the_locks_hold_what_requirements_asks_for() -> None:
    asked = pins("requirements.txt")
    assert len(asked) > 6
    assert asked.items() <= pins("requirements.lock").items()


def test_the_test_requirements_hold_the_others_at_the_same_versions() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


def test_the_default_installation_stays_small() -> None:
    of_the_tests = {"pytest", "iniconfig", "pluggy", "pygments"}
    assert len(pins("requirements.lock").keys() - of_the_tests) <= 40


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes_and_no_line_names_a_host(name: str) -> None:
    text = (CHECKOUT / name).read_text("utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries and all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host", text)
