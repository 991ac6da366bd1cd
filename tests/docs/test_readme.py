"""README and CHANGELOG: what they name is there."""

from __future__ import annotations

import re

import pytest

from app.config import CHECKOUT
from blueprints.docs.pages import PAGES
from tests.docs.test_manual import walk

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\]\(([^)]+)\)", README)


@pytest.mark.parametrize("link", [link for link in LINKS if not link.endswith(".png")])
def test_every_link_of_the_readme_leads_to_a_file(link):
    assert (CHECKOUT / link.partition("#")[0]).exists()


def test_the_pictures_of_the_readme_are_there():
    pictures = [CHECKOUT / link for link in LINKS if link.endswith(".png")]
    assert len(pictures) == 2
    if not pictures[0].parent.is_dir():
        pytest.skip("the pictures have not been taken yet")
    for picture in pictures:
        assert picture.read_bytes()[:4] == b"\x89PNG"


def test_every_file_and_page_that_the_readme_names_exists():
    slugs = {page.slug for page in PAGES}
    for name in re.findall(r"`([^`]+)`", README):
        if page := re.fullmatch(r"/docs/(\w*)", name):
            assert page[1] in slugs | {""}
        elif re.fullmatch(r"(?:[\w.]+/)+[\w.]*|\w+\.(?:py|md|txt|toml|lock)", name):
            assert (CHECKOUT / name).exists(), name
    assert slugs <= set(re.findall(r"/docs/(\w+)", README)) | {"components"}


def test_every_command_of_the_readme_exists(app):
    blocks = re.findall(r"```\w*\n(.*?)```", README, re.S)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    assert "python run.py" in lines and "python run.py test" in lines
    known = {name.removeprefix("flask ") for name, _ in walk(app.cli, "flask")} | {"test", "run"}
    for line in filter(None, lines):
        assert re.match(r"python run\.py( |$)", line), line
        rest = line.removeprefix("python run.py").strip()
        assert not rest or rest.startswith("--") or any(rest.startswith(name) for name in known), (
            line
        )


def test_the_changelog_begins_with_the_newest_version():
    text = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings and all(
        re.fullmatch(r"\d+\.\d+\.\d+ \(\d{1,2} \w+ \d{4}\)", one) for one in headings
    )
    versions = [tuple(map(int, one.split()[0].split("."))) for one in headings]
    assert versions == sorted(versions, reverse=True)
