"""The forms of people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wtforms import BooleanField, EmailField, SelectMultipleField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from app.forms import Form
from app.models import Role


class RolesForm(Form):
    """Which roles a person has."""

    roles = SelectMultipleField(
        "Roles", coerce=int, option_widget=CheckboxInput(), widget=ListWidget(), validate_choice=False
    )  # fmt: skip

    def __init__(self, offered: Sequence[Role], **values: Any) -> None:
        super().__init__(**values)
        self.roles.choices = [SelectChoice(str(role.id), role.name) for role in offered]


class InviteForm(RolesForm):
    """Somebody new."""

    email = EmailField(
        "Email", [InputRequired("Type the email")], render_kw={"autocomplete": "off"}
    )
    name = StringField("Name", render_kw={"autocomplete": "off"})
    admin = BooleanField("Administrator")
