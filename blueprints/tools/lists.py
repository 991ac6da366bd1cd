"""A list as its address asks for it: headings, filters in words, and links to everything else.

The address holds all of the state. What is being put into it, a filter that has a field and as yet
no value, stands in parameters with a hyphen, which no field has in its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup

from app import fields
from app.errors import BadAddress, Invalid
from app.fields import FORM, Field, lookups
from app.fields.inputs import Options
from app.permissions import Actor
from app.tables import links, listing
from app.tables.listing import Filter
from app.tables.live import Live
from app.tables.table import SYSTEM
from blueprints.tools import rows
from blueprints.tools.words import OF_VALUES, filter_in_words, negated

FIELD, LOOKUP, VALUE = "add-field", "add-lookup", "add-value"


class Address:
    """The address of a list: its path, and its parameters with all their values."""

    def __init__(self, path: str, args: Mapping[str, Sequence[str]]) -> None:
        self.path = path
        self.args = {
            name: list(texts)
            for name, texts in args.items()
            if any(texts) or name not in listing.WORDS
        }

    def keep(self, *without: str) -> dict[str, list[str]]:
        """The parameters for the hidden inputs of a form, but for these and the page."""
        return {name: one for name, one in self.args.items() if name not in {"page", *without}}

    def url(self, changes: Mapping[str, Any], path: str = "") -> str:
        """The same with these parameters changed (None: left out), on its first page."""
        changed = {**self.keep(), **changes}
        given = {name: one for name, one in changed.items() if one not in (None, "")}
        query = urlencode(given, doseq=True, safe=",:")
        return (self.path + path) + (f"?{query}" if query else "")


class Head(NamedTuple):
    """A heading: its label, the address that sorts by it, how it is sorted now, whether of numbers."""

    label: str
    url: str
    direction: str | None
    numeric: bool


class Chip(NamedTuple):
    """A filter in words, and the address without it."""

    text: str
    remove_url: str


class List:
    """A page of a list, as a template shows it. Raises BadAddress, Forbidden."""

    def __init__(self, actor: Actor, live: Live, address: Address) -> None:
        self.actor, self.live, self.address = actor, live, address
        self.query = listing.read(live, address.args)
        self.page = listing.page(actor, live, self.query)
        self.query = self.page.query  # sorted as far as the actor may
        if self.page.found and not self.page.rows and self.query.page != "1":
            raise BadAddress("This list ends before that page.")
        self.narrowed = bool(self.query.q or self.query.filters)

    @property
    def path(self) -> str:
        """The address of the whole list."""
        return self.address.path

    def once(self, name: str, make: Callable[[], Markup]) -> Markup:
        """A part of the page that the table and the address alone decide: made once, and kept with the
        table for the lists that come."""
        asked = self.address.keep().items()
        about = name, self.path, *((key, tuple(texts)) for key, texts in asked)
        known: dict[Any, Markup] = self.live.memo.setdefault("parts", {})
        if about not in known:
            if len(known) >= listing.MOST_KEPT:
                known.clear()
            known[about] = make()
        return known[about]

    def rows(self) -> Markup:
        """The body of the table."""
        fields = links.seen_columns(self.actor, self.live, self.query.fields, self.page.rows)
        return rows.markup(self.live, fields, self.page.rows, self.path)

    def heads(self) -> Iterator[Head]:
        """The headings; one sorts up first, then down."""
        sorted_by = {one.name: down for one, down in self.query.sort[:1]}
        for one in self.query.fields:
            down = sorted_by.get(one.name)
            wanted = f"-{one.name}" if down is False else one.name
            url = self.address.url({"sort": wanted}).removeprefix(self.path)
            direction = None if down is None else "descending" if down else "ascending"
            yield Head(one.label, url, direction, one.type.css == "num")

    def chips(self) -> list[Chip]:
        """The filters."""
        return [
            Chip(self._in_words(one), self.address.url({one.parameter: None}))
            for one in self.query.filters
        ]

    def in_words(self) -> str:
        """What is searched for and filtered by, after a "where"."""
        searched = [f"“{self.query.q[:100]}” occurs"] if self.query.q else []
        return " and ".join([*searched, *map(self._in_words, self.query.filters)])

    def _in_words(self, one: Filter) -> str:
        return filter_in_words(one._replace(field=links.seen(self.actor, self.live, one.field)))

    def columns(self) -> list[tuple[Field, bool]]:
        """All fields and whether they are shown; those that are come first, in their order."""
        rest = [one for one in (*self.live.table.fields, *SYSTEM) if one not in self.query.fields]
        return [(one, True) for one in self.query.fields] + [(one, False) for one in rest]

    def fields(self) -> list[Field]:
        """What can be filtered by."""
        return [*self.live.table.fields, *(one for one in SYSTEM if one.name.endswith("_at"))]

    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.page.found // self.query.per_page)

    def number(self) -> int:
        """The number of this one."""
        return (self.page.first - 1) // self.query.per_page + 1

    def neighbour(self, key: str) -> str:
        """The address of the page before or after; empty where there is none."""
        return self.address.url({"page": key}) if key else ""


# A filter that is being added ------------------------------------------------------------------


class NewFilter:
    """The filter that the parameters `add-…` are about: a field, then a lookup and a value."""

    def __init__(self, actor: Actor, live: Live, args: Mapping[str, str]) -> None:
        self.live, found = live, live.table.by_name.get(args.get(FIELD, ""))
        self.field = None if found is None else links.seen(actor, live, found)
        self.lookup, self.text = args.get(LOOKUP, ""), args.get(VALUE, "")
        self.error = ""
        if args.get(FIELD) and self.field is None:
            raise BadAddress(f"{live.table.label} has no field “{args[FIELD][:60]}”.")

    def lookups(self) -> Iterator[tuple[str, str]]:
        """What the field can be filtered by, with words; what is either so or not stands there twice."""
        if self.field is not None:
            for name, one in self.field.type.lookups.items():
                if one.read is lookups.flag:
                    yield from ((f"{name}=true", one.words), (f"{name}=false", negated(one.words)))
                else:
                    yield name, one.words

    def usual(self) -> str:
        """The lookup that is proposed."""
        return self.lookup or ("contains" if "contains" in dict(self.lookups()) else "exact")

    def offered(self) -> list[tuple[str, str]]:
        """The values to choose from, where the field has such."""
        widget = self.field.type.widget(self.field) if self.field else None
        return widget.offered if isinstance(widget, Options) else []

    def added(self, args: Mapping[str, Sequence[str]]) -> dict[str, list[str]] | None:
        """The parameter to change, once the filter is whole; None, with `error`, until then."""
        if self.field is None or not self.lookup:
            return None
        try:
            return self._added(self.field, args)
        except Invalid as error:
            self.error = str(error)
            return None

    def _added(self, field: Field, args: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        lookup, _, fixed = self.lookup.partition("=")
        text = fixed or self._canonical(field, lookup)
        parameter = listing.Filter(field, lookup, ()).parameter
        before = args.get(parameter, ()) if lookup == "in" else ()
        texts = list(dict.fromkeys([*before, text]))
        fields.where(field, self.live.columns[field.name], lookup, texts)
        return {parameter: texts}

    def _canonical(self, field: Field, lookup: str) -> str:
        """What a person has typed, as an address has it."""
        known = field.type.lookups.get(lookup)
        if known is None or known.read not in OF_VALUES:
            return self.text.strip()
        return field.type.text(field.type.parse(self.text, field, FORM), field)
