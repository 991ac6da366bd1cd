"""The pages of the manual: the one place where they are named. Each is `templates/docs/<slug>.html`."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from app.errors import NotFound


class Page(NamedTuple):
    """A page; `text` says in one sentence what one finds there."""

    group: str
    slug: str
    title: str
    text: str


PAGES = (
    Page(
        "Begin", "start", "Start",
        "Install it, make the first administrator, and know what lies where.",
    ),
    Page(
        "Begin", "cycle", "The round trip of a request",
        "Nine stages from the browser and back: what happens in each, and in which file.",
    ),
    Page(
        "Begin", "wsgi", "WSGI, and when not",
        "How the server calls the app, what a thread is for, and what would need another design.",
    ),
    Page(
        "Use", "spreadsheets", "From a spreadsheet to a tool",
        "What an import reads, how it finds types, what it refuses, and how an export comes back in.",
    ),
    Page(
        "Use", "tables", "Tables and records",
        "Lists and their addresses, forms, history, undo, two people at once, and who may do what.",
    ),
    Page(
        "Use", "rights", "Rights",
        "Roles, rules and fields: who may do what with which records, who can give it, and why.",
    ),
    Page(
        "Use", "people", "People",
        "Invite colleagues, give them roles, end their access, and see what was done.",
    ),
    Page("Use", "fields", "Field types", "What each type takes, how it is stored, and how it can be filtered."),
    Page("Use", "formulas", "Formulas", "Fields worked out of others: what can be written, and what comes out."),
    Page(
        "Build", "blueprint", "Write a tool",
        "The equipment tool file by file, as a pattern for your own.",
    ),
    Page(
        "Build", "api", "The API",
        "Read and write tables from programs: addresses, versions, batches, formats, limits, errors.",
    ),
    Page(
        "Build", "middleware", "Middleware",
        "The functions around every view, in running order, and how to add one.",
    ),
    Page(
        "Build", "trips", "Trips",
        "What is recorded of a request, what never is, and how the times add up.",
    ),
    Page(
        "Build", "testing", "Tests",
        "An app of its own for each test, three people, and the trip as a witness.",
    ),
    Page("Run", "settings", "Settings", "Every setting with its default, and the three places it can come from."),
    Page("Run", "commands", "Commands", "Every command with its options."),
    Page(
        "Run", "security", "Security",
        "Who may do what, what protects a session, and what is written down.",
    ),
    Page(
        "Run", "deploy", "Deploy",
        "nginx, systemd, Windows, backups, upgrades, and what to do after a crash.",
    ),
    Page("Background", "why", "Why it is so", "The decisions behind the design, a paragraph each."),
    Page("Background", "components", "Components", "Everything a page is made of, in every state."),
)  # fmt: skip


def find(slug: str) -> Page:
    """The page with this slug. Raises NotFound."""
    for page in PAGES:
        if page.slug == slug:
            return page
    raise NotFound(f"The manual has no page called “{slug[:60]}”.")


def neighbours(page: Page) -> tuple[Page | None, Page | None]:
    """The page before this one and the one after it, in reading order."""
    place = PAGES.index(page)
    before = PAGES[place - 1] if place else None
    return before, PAGES[place + 1] if place + 1 < len(PAGES) else None


def groups() -> list[tuple[str, list[Page]]]:
    """All pages in reading order, by their groups."""
    return [(name, list(pages)) for name, pages in groupby(PAGES, lambda page: page.group)]
