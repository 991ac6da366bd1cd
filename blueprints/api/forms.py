"""What one types to make a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wtforms import RadioField, SelectField, SelectMultipleField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from app.errors import Invalid
from app.forms import Form
from app.permissions import Actor, may

SCOPES = {
    "read": "Read: lists, records, exports, history",
    "write": "Read and write: also create, change, delete, restore",
    "design": "Design: also make tables, change their fields, delete them",
    "admin": "Everything: also the pages of administrators, such as people and trips",
}
LASTS = {"30": "30 days", "90": "90 days", "365": "A year", "": "Without end"}
USUAL = "90"


class KeyForm(Form):
    """A new key."""

    name = StringField(
        "Name", [InputRequired("Type a name")], render_kw={"autocomplete": "off", "maxlength": 100}
    )
    scope = RadioField("May", default="read", validate_choice=False)
    tables = SelectMultipleField(
        "Only these tables", coerce=int, option_widget=CheckboxInput(), widget=ListWidget(), validate_choice=False
    )  # fmt: skip
    days = SelectField(
        "Lasts",
        choices=[SelectChoice(value, label) for value, label in LASTS.items()],
        default=USUAL,
    )

    def __init__(self, actor: Actor, tables: Mapping[int, str], **values: Any) -> None:
        super().__init__(**values)
        scopes = [one for one in SCOPES if one != "admin" or may(actor, "people")]
        self.scope.choices = [SelectChoice(one, SCOPES[one]) for one in scopes]
        self.tables.choices = [SelectChoice(str(id), label) for id, label in tables.items()]

    @contextmanager
    def showing_errors(self) -> Iterator[None]:
        """The same, with what concerns no input, such as that there are too many keys."""
        with super().showing_errors():
            try:
                yield
            except Invalid as error:
                self.form_errors += [] if error.errors else [str(error)]
                raise
