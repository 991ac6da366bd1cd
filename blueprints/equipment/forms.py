"""What a person types, turned into plain values. The rules are in `services`, and only there.

A field says here what kind of thing is typed and whether it must be there; lengths, ranges and
everything that needs the database is found by the service, whose Invalid `showing_errors` puts
beside the fields.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

from wtforms import DateField, HiddenField, IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import TextInput

from app.clock import today
from app.forms import Form
from blueprints.equipment.models import Item
from blueprints.equipment.services import ItemValues

USUAL_LOAN = timedelta(days=14)


def _plain(text: str | None) -> str:
    """Without blanks at its ends, with line ends as Python has them."""
    return (text or "").replace("\r\n", "\n").strip()


def _whole(text: Any) -> int:
    """A number that the app has put into the form; 0, which fits nothing, where it was meddled with."""
    text = str(text or "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


WAS = "was-"


class ItemForm(Form):
    """An item; `version` is the one the form was made with.

    An edit carries a second one along, hidden, with the prefix WAS: the values it was made with. So a
    conflict can tell what the person changed from what only somebody else did.
    """

    code = StringField("Code", [InputRequired("Code must not be empty")], filters=[_plain])
    name = StringField("Name", [InputRequired("Name must not be empty")], filters=[_plain])
    kind = StringField("Kind", filters=[_plain])
    year = IntegerField(
        "Year", [Optional()], invalid_value_message="Year must be a number like 2019",
        widget=TextInput(), render_kw={"inputmode": "numeric"},  # type=number drops what is no number
    )  # fmt: skip
    maker = StringField("Maker", filters=[_plain])
    model = StringField("Model", filters=[_plain])
    note = TextAreaField("Note", filters=[_plain])
    version = HiddenField(filters=[_whole])

    def values(self) -> ItemValues:
        """What was typed."""
        return ItemValues(**{name: self[name].data for name in ItemValues.__dataclass_fields__})

    def texts(self) -> dict[str, str]:
        """The values as hidden inputs hold them, by the names of the inputs."""
        return {field.name: field._value() for field in self._own()}

    def differences(self, item: Item, was: ItemForm) -> list[Difference]:
        """Where what was typed is not what is stored; `was` holds what the person began with."""
        found = []
        for field in self._own():
            mine, theirs, before = field.data, getattr(item, field.name), was[field.name]
            if mine != theirs:
                touched = not before.raw_data or mine != before.data
                found.append(Difference(field, mine, theirs, touched))
        return found

    def _own(self) -> list[Any]:
        return [self[name] for name in ItemValues.__dataclass_fields__]


class Difference(NamedTuple):
    """A field of two values: mine and theirs; `touched` where mine is not just the old one."""

    field: Any
    mine: Any
    theirs: Any
    touched: bool


class LoanForm(Form):
    """Who takes an item, and until when; two weeks are usual."""

    borrower = StringField(
        "Borrower", [InputRequired("Borrower must not be empty")], filters=[_plain]
    )
    due_on = DateField(
        "Due date", [InputRequired("Due date must not be empty")], default=lambda: today() + USUAL_LOAN,
        invalid_value_message="Due date must be a day like 2026-12-24",
    )  # fmt: skip
    note = StringField("Note", filters=[_plain])

    def values(self) -> tuple[str, date, str]:
        """Borrower, due date and note, as typed."""
        return self.borrower.data, self.due_on.data, self.note.data
