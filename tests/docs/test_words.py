"""How the app speaks: calm, plain, without words that are nobody's."""

from __future__ import annotations

import re
from html import unescape

import pytest

from app.config import CHECKOUT
from blueprints.docs.pages import PAGES

TEMPLATES = sorted((CHECKOUT / "templates").rglob("*.html"))
NEVER = re.compile(
    r"(?<![\w-])(successfully|please|simply|oops|whoops|sorry|click here|invalid|null)(?![\w-])",
    re.IGNORECASE,
)
SHOUTED = re.compile(r"\w!(?=[\s<\"”’)]|$)")


def words(text: str) -> str:
    """What people read of a template or page: without comments and code."""
    for unseen in (
        r"\{#.*?#\}",
        r"<!--.*?-->",
        r"<pre\b.*?</pre>",
        r"<code\b.*?</code>",
        r"<script\b.*?</script>",
    ):
        text = re.sub(unseen, " ", text, flags=re.S)
    return unescape(text)


@pytest.mark.parametrize(
    "path", TEMPLATES, ids=lambda path: str(path.relative_to(CHECKOUT / "templates"))
)
def test_no_template_says_what_we_do_not_say(path):
    text = words(path.read_text(encoding="utf-8"))
    assert not NEVER.findall(text)
    assert not SHOUTED.findall(text)


def test_no_page_of_the_manual_does_with_what_the_code_says(bob):
    for page in PAGES:
        text = re.sub(r"<.*?>", " ", words(bob.get(f"/docs/{page.slug}").text))
        assert not NEVER.findall(text), page.slug
        assert not SHOUTED.findall(text), page.slug


def test_no_message_in_the_code_does():
    for path in [*(CHECKOUT / "app").rglob("*.py"), *(CHECKOUT / "blueprints").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"(?i)\b(successfully|please|oops|click here)\b", text), path
