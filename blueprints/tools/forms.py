"""The form of a table, made from its fields once, and what a conflict needs of it.

An edit carries along, hidden, the version of the record and a short digest of each value it began
with. So a conflict can tell what the person changed from what only somebody else did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from flask import url_for
from markupsafe import Markup
from wtforms import HiddenField

from app.errors import BadAddress, Invalid
from app.fields import FORM, Field
from app.forms import Form
from app.permissions import Actor
from app.tables import links
from app.tables.live import Live
from blueprints.tools.words import shown

OWN, WAS = "f_", "w_"
"""What the attributes of a form begin with, so that no name of a field is one of its methods."""


def whole(text: Any) -> int:
    """A number that the app has put into a form; 0, which fits nothing, where it was meddled with."""
    text = str(text or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


class RecordForm(Form):
    """A record of a table; `form_for` adds an input for each field."""

    version = HiddenField(filters=[whole])

    def own(self) -> list[Any]:
        """The inputs of the table's fields, in order."""
        return [one for name, one in self._fields.items() if name.startswith(OWN)]

    def hidden(self) -> list[Any]:
        """The inputs nobody sees, but for the token."""
        return [self.version, *(self[name] for name in self._fields if name.startswith(WAS))]

    def values(self) -> dict[str, Any]:
        """The values that were sent, by field."""
        return {one.declared.name: one.data for one in self.own() if one.raw_data}

    @contextmanager
    def showing_errors(self) -> Iterator[None]:
        """Ends the block at an Invalid, with its messages at the fields they name, else on top."""
        try:
            yield
        except Invalid as error:
            for name, words in error.errors or [("", str(error))]:
                place = self._fields.get(OWN + name)
                if place is None:
                    self.form_errors.append(words)
                else:
                    place.errors = [*place.errors, words]

    def differences(self, record: Any) -> list[Difference]:
        """Where what was typed is not what is stored."""
        found = []
        for one in self.own():
            mine, theirs = one.data, one.declared.of(record)
            if one.raw_data and mine != theirs:
                was = self[WAS + one.declared.name]
                touched = not was.raw_data or was.data != digest(one.declared, mine)
                found.append(Difference(one, mine, theirs, touched))
        return found


class Difference(NamedTuple):
    """A field of two values: mine and theirs; `touched` where mine is not just the old one."""

    field: Any
    mine: Any
    theirs: Any
    touched: bool

    def choices(self) -> list[tuple[str, Markup, bool]]:
        """Mine and theirs: text of the form, what one sees, whether it is proposed."""
        field = self.field.declared
        texts = (self.field._value(), field.type.text(self.theirs, field, FORM))
        both = zip(texts, (self.mine, self.theirs), (self.touched, not self.touched), strict=True)
        return [(text, shown(field, value), proposed) for text, value, proposed in both]


def digest(field: Field, value: Any) -> str:
    """A few letters that another value would hardly have."""
    text = field.type.text(value, field)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def form_for(actor: Actor, live: Live, values: Mapping[str, Any] = {}) -> type[RecordForm]:
    """The class of the forms of a table; one that links offers this actor what they may link to."""
    if "form" in live.memo:
        found: type[RecordForm] = live.memo["form"]
        return found
    inputs = {}
    for declared in live.table.written:
        one = links.seen(actor, live, declared, [values.get(declared.name)])
        inputs[OWN + one.name] = one.type.input(one)
        inputs[OWN + one.name].kwargs["id"] = f"f-{one.name}"  # no id that the page has already
        inputs[OWN + one.name].kwargs["render_kw"] = _suggested(live, declared)
        inputs[WAS + one.name] = HiddenField(name=f"was-{one.name}")
    found = type("TableForm", (RecordForm,), inputs)
    if not live.links:
        live.memo["form"] = found
    return found


def _suggested(live: Live, field: Field) -> dict[str, str]:
    """Where the suggestions for a field come from, if it has some."""
    target = live.target(field)
    table = None if target is None else live.other(target).table
    if table is None or not table.tool:
        return {}
    return {"data-options": url_for("tools.options", tool=table.tool, table=table.name)}


def of_record(actor: Actor, live: Live, record: Any, **options: Any) -> RecordForm:
    """The form with a record as it was sent, or as it is (also with `formdata=None`)."""
    values = {one.name: one.of(record) for one in live.table.written}
    data: dict[str, Any] = {"version": record.version}
    for one in live.table.written:
        data |= {OWN + one.name: values[one.name], WAS + one.name: digest(one, values[one.name])}
    return form_for(actor, live, values)(data=data, **options)


def new_record(actor: Actor, live: Live, args: Mapping[str, str]) -> RecordForm:
    """The form for a new record, with the values that an address has. Raises BadAddress."""
    given = [one for one in live.table.written if args.get(one.name)]
    try:
        values = {one.name: one.type.parse(args[one.name], one) for one in given}
    except Invalid as error:
        raise BadAddress(str(error), error.errors) from None
    return form_for(actor, live, values)(data={OWN + name: one for name, one in values.items()})
