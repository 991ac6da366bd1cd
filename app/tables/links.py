"""Links as people see and type them: by the titles of records, of the tables that one may list."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import sqlalchemy as sa
from markupsafe import Markup, escape

from app.errors import Invalid
from app.extensions import db
from app.fields import FORM, Field, lookups
from app.fields.inputs import Checkboxes, Options, Suggested, TextBlock
from app.fields.link import LARGEST, Link, Links, TableId
from app.permissions import Actor, may
from app.tables import catalog
from app.tables import seen as sight
from app.tables.live import Live

MOST_OFFERED, MOST_SUGGESTED, MOST_NAMED = 100, 20, 5
"""Records in a select, in the suggestions under an input, and in the words of a refusal."""
MOST_REFUSED = 50
"""Texts of a column for which records are named that may have been meant."""


def titles(actor: Actor, live: Live, ids: Collection[int]) -> dict[int, str]:
    """What these records are called, by number; empty where the actor may not list them."""
    live = sight.of(actor, live)
    if live.title is None or not ids or not may(actor, "list", live.table):
        return {}
    if "titles" not in live.memo:
        wanted = live.sql.c.id.in_(sa.bindparam("ids", expanding=True))
        live.memo["titles"] = _titled(live, live.title).where(wanted)
    return _titles(live.title, live.memo["titles"], {"ids": list(ids)})


def _titled(live: Live, title: Field) -> sa.Select[Any]:
    """Records by number, with what they are called."""
    column = live.columns[title.name]
    return sa.select(live.sql.c.id, column).where(column.is_not(None), *live.rows("list"))


def _titles(title: Field, query: Any, values: Mapping[str, Any] | None = None) -> dict[int, str]:
    rows = db.session.connection().execute(query, values)
    return {row[0]: title.type.text(row[1], title) for row in rows}


def named(record_id: int, title: str) -> str:
    """A record as people type it: `Acme (#12)`."""
    return f"{title} (#{record_id})" if title else f"#{record_id}"


def suggestions(
    actor: Actor, live: Live, q: str = "", offers: str = "", limit: int = MOST_SUGGESTED
) -> dict[int, str]:
    """Records by title in whose titles every word occurs, of a very long one its beginning; of those only
    that `offers` says yes of."""
    live = sight.of(actor, live)
    title = live.title
    if title is None or "\0" in q or not may(actor, "list", live.table):
        return {}
    column = live.columns[title.name]
    text = sa.cast(column, sa.String)
    wanted = [lookups.contains(text, word[: lookups.LONGEST]) for word in q.split()[:10]]
    if offers:
        wanted.append(live.columns[offers].is_(True))
    query = _titled(live, title).where(*wanted)
    return _titles(title, query.order_by(title.type.order(column), live.sql.c.id).limit(limit))


_NUMBERED = re.compile(r"(?s:.*\()?#([1-9][0-9]{0,9})\)?", re.ASCII)


def _number(text: str) -> int:
    """The number in `#12` and `Acme (#12)`, else 0: digits alone may be a title."""
    found = _NUMBERED.fullmatch(text)
    return int(found[1]) if found and int(found[1]) <= LARGEST else 0


def find(actor: Actor, live: Live, texts: Collection[str]) -> dict[str, list[int]]:
    """The records that each of these texts names: by number as in `Acme (#12)`, by title, else by the
    value of a unique field."""
    live = sight.of(actor, live)
    numbers = {text: number for text in texts if (number := _number(text))}
    there = sight.may_see(actor, live, numbers.values())
    found = {text: [numbers[text]] if numbers.get(text) in there else [] for text in texts}
    if may(actor, "list", live.table):
        unique = [one for one in live.table.fields if one.unique and one is not live.title]
        for field in filter(None, [live.title, *unique]):
            _find_by(live, field, found)
    return found


def _find_by(live: Live, field: Field, found: dict[str, list[int]]) -> None:
    """Fill in what has the value of a text that nothing was found for; capitals do not matter."""
    wanted: dict[Any, list[str]] = {}
    for text in [one for one, ids in found.items() if not ids]:
        try:
            wanted.setdefault(_folded(field.type.parse(text, field, FORM)), []).append(text)
        except Invalid:
            continue
    column = live.columns[field.name]
    folded = lookups.folded(column) if field.type.family == "text" else column
    query = sa.select(live.sql.c.id, folded).where(folded.in_(list(wanted)), *live.rows("list"))
    for record_id, value in db.session.connection().execute(query.order_by(live.sql.c.id)):
        for text in wanted.get(value, ()):
            found[text].append(record_id)


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


# A field as somebody sees it -------------------------------------------------------------------


def seen(actor: Actor, live: Live, field: Field, values: Iterable[Any] = ()) -> Field:
    """A field of this table as the actor sees it: where it links, by the titles of the records.

    The titles of these values are asked for together.
    """
    target = live.target(field)
    if target is None:
        return field
    declared: Any = field.type
    seen_as = SeenLinks if declared.many else SeenLink
    kind = seen_as(actor, live.other(target), field)
    kind.load({id for value in values for id in declared.numbers(value)})
    return replace(field, type=kind)


def seen_columns(
    actor: Actor, live: Live, fields: Sequence[Field], rows: Sequence[Sequence[Any]]
) -> list[Field]:
    """The fields of these rows, which begin with the id, as the actor sees them. Titles are asked for
    once for all fields that link to the same table."""
    found = [seen(actor, live, field) for field in fields]
    alike: dict[Live, list[tuple[Any, Sequence[Any]]]] = {}
    for field, column in zip(found, [*zip(*rows, strict=True)][1:], strict=False):
        if isinstance(field.type, SeenLink):
            alike.setdefault(field.type.other, []).append((field.type, column))
    for linking in alike.values():
        first = linking[0][0]
        first.load({id for kind, column in linking for one in column for id in kind.numbers(one)})
        for kind, _column in linking:
            kind.titles = first.titles
    return found


def seen_changes(
    actor: Actor, live: Live, changes: Sequence[Sequence[tuple[Field, Any, Any]]]
) -> list[list[tuple[Field, Any, Any]]]:
    """Fields with their old and new values, as `history.values_of` gives them, with the fields as the
    actor sees them."""
    values: dict[Field, list[Any]] = {}
    for field, *both in (one for change in changes for one in change):
        values.setdefault(field, []).extend(both)
    known = {field: seen(actor, live, field, both) for field, both in values.items()}
    return [[(known[field], old, new) for field, old, new in change] for change in changes]


class SeenLink(Link):
    """A link field in the eyes of one person. Not in the registry: it lives as long as a request."""

    def __init__(self, actor: Actor, other: Live, field: Field) -> None:
        self.actor, self.other, self.offers = actor, other, getattr(field.type, "offers", "")
        self.titles: dict[int, str] = {}
        self.known: dict[str, list[int]] = {}
        self.few = False
        self.refused = 0

    def load(self, ids: Collection[int]) -> None:
        """Ask for the titles of these records."""
        self.titles |= dict.fromkeys(ids, "") | titles(self.actor, self.other, ids)

    def forget(self) -> None:
        """Keep nothing of what was looked up."""
        self.titles, self.known = {}, {}

    def title(self, value: int) -> str:
        """What the record is called; empty where it has no title, or none that the actor may see."""
        if value not in self.titles:
            self.load([value])
        return self.titles[value]

    def target(self, field: Field) -> int | None:
        return self.other.table.id

    def expect(self, texts: Collection[str], field: Field) -> None:
        new = {text.strip() for text in texts} - self.known.keys() - {""}
        self.known |= find(self.actor, self.other, new)

    def readings(self, text: str, field: Field, notation: str) -> list[Any]:
        if notation != FORM:
            return super().readings(text, field, notation)
        if _number(text) in self.titles:  # what a record has already may stay, seen or not
            return [_number(text)]
        self.expect([text], field)
        return self.known[text]

    def nearest(self, value: Any, source: Field, field: Field) -> Any:
        return self.convert(
            value, source, field
        )  # nothing comes near a record: it says so in its words

    def refusal(self, text: str, found: list[Any], field: Field) -> str:
        table = self.other.table
        label = table.label if may(self.actor, "list", table) else "the other table"
        if found:
            return f"can mean several records of {label}; write {self._several(found)}"
        self.refused += 1
        near = self._near(text) if self.refused <= MOST_REFUSED else {}
        self.titles |= near
        there = f", such as {self._several(near)}" if near else ""
        return f"must be a record of {label}{there}; “{text[:40]}” is none"

    def _near(self, text: str) -> dict[int, str]:
        """Records that a text may have meant, else some that there are."""
        near = suggestions(self.actor, self.other, text, self.offers, MOST_NAMED)
        return near or suggestions(self.actor, self.other, "", self.offers, MOST_NAMED)

    def _several(self, ids: Collection[int]) -> str:
        return " or ".join(named(one, self.title(one)[:60]) for one in list(ids)[:MOST_NAMED])

    def write(self, value: Any, field: Field, notation: str) -> str:
        if notation != FORM:
            return super().write(value, field, notation)
        return f"#{value}" if self.few else named(value, self.title(value))

    def show(self, value: Any, field: Field) -> Markup:
        return escape(self.title(value) or f"#{value}")

    def widget(self, field: Field) -> Any:
        """A select where there are few records, else an input with suggestions."""
        few = suggestions(self.actor, self.other, "", self.offers, MOST_OFFERED + 1)
        if not 0 < len(few) <= MOST_OFFERED:
            return Suggested()
        self.few, self.titles = True, few | self.titles
        offered = [*self.titles.values()]
        return Options([
            (f"#{id}", title if title and offered.count(title) == 1 else named(id, title))
            for id, title in self.titles.items()
        ])  # fmt: skip


class SeenLinks(Links, SeenLink):
    """A field of several links in the eyes of one person: each as the one of a link."""

    def widget(self, field: Field) -> Any:
        """Boxes where there are few records, else lines."""
        found = SeenLink.widget(self, field)
        if not self.few:
            return TextBlock()
        return Checkboxes([(text.removeprefix("#"), words) for text, words in found.offered])

    def posted(self, texts: Sequence[str]) -> str:
        """Boxes send numbers, which are no titles."""
        boxes = self.few and all(one.isdigit() for one in filter(None, texts))
        return super().posted([f"#{one}" if boxes and one else one for one in texts])


# Settings --------------------------------------------------------------------------------------


class OfferedTable(TableId):
    """The setting that names a table, for somebody who may list some."""

    def __init__(self, actor: Actor) -> None:
        self.tables = [one for tables in catalog.open_to(actor).values() for one in tables]

    def widget(self, field: Field) -> Any:
        return Options([(str(one.table.id), one.table.label) for one in self.tables])


def offering(actor: Actor, setting: Field) -> Field:
    """A setting as the actor is asked for it: one that names a table offers those they may list."""
    named_table = isinstance(setting.type, TableId)
    return replace(setting, type=OfferedTable(actor)) if named_table else setting


# Spreadsheets ----------------------------------------------------------------------------------


def texts(actor: Actor, live: Live, field: Field, values: Sequence[Any]) -> list[str | None]:
    """The values of a column as a file has them, which an import reads back: `Acme (#12)`, one a line."""
    target, kind = live.target(field), cast(Link, field.type)
    assert target is not None
    numbers = [kind.numbers(one) for one in values]
    known = titles(actor, live.other(target), {id for some in numbers for id in some})
    return ["\n".join(named(id, known.get(id, "")) for id in some) or None for some in numbers]
