"""The manual's pages."""

from __future__ import annotations

import re
from typing import Any

from flask import current_app, render_template
from markupsafe import Markup

from app.permissions import signed_in
from blueprints.docs import bp, pages, services


@bp.get("/")
@signed_in
def index() -> Any:
    """The contents."""
    return render_template("docs/index.html", groups=pages.groups())


@bp.get("/<slug>")
@signed_in
def show(slug: str) -> Any:
    """One page, with what it tells of the code."""
    page = pages.find(slug)
    place = {"page": page, "pages": pages.PAGES, "around": pages.neighbours(page)}
    told = {"facts": services, "headings": headings, "views": current_app.view_functions}
    return render_template(f"docs/{slug}.html", **place, **told)


def headings(body: str) -> list[tuple[str, str]]:
    """(id, words) of the second-level headings of a page."""
    found = re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', body)
    return [(name, Markup(words).striptags()) for name, words in found]
