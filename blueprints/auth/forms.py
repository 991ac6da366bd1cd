"""The forms of signing in. Browsers' own checks are off; the server answers in words."""

from __future__ import annotations

from typing import Any

from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
)
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, ValidationError
from wtforms.widgets import PasswordInput

from app import clock
from app.forms import Form


def _choices(**labels: str) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in labels.items()]


class LoginForm(Form):
    """Email and password."""

    email = EmailField(
        "Email", [InputRequired("Type your email")], render_kw={"autocomplete": "username"}
    )
    password = PasswordField(
        "Password",
        [InputRequired("Type your password")],
        render_kw={"autocomplete": "current-password"},
    )
    remember = BooleanField("Remember me on this device")
    next = HiddenField()


class ConfirmForm(Form):
    """The password once more."""

    password = PasswordField(
        "Password",
        [InputRequired("Type your password")],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class SetupForm(Form):
    """The first administrator."""

    token = HiddenField()
    name = StringField(
        "Your name", [InputRequired("Type your name")], render_kw={"autocomplete": "name"}
    )
    email = EmailField(
        "Email", [InputRequired("Type your email")], render_kw={"autocomplete": "username"}
    )
    password = PasswordField(
        "Password", [InputRequired("Choose a password")],
        widget=PasswordInput(hide_value=False), render_kw={"autocomplete": "new-password"},
    )  # fmt: skip


class ResetForm(Form):
    """A new password, by a link."""

    password = PasswordField(
        "New password",
        [InputRequired("Choose a password")],
        render_kw={"autocomplete": "new-password"},
    )


class Chosen(SelectField):
    """One of a list; what is not in it is refused in words."""

    def pre_validate(self, form: Any) -> None:
        """Raise ValidationError where the value is none of the choices."""
        if all(self.data != choice.value for choice in self.choices):
            raise ValidationError(f"Choose a {self.label.text.lower()} of the list")


def _zones() -> list[SelectChoice]:
    named = [SelectChoice(one, one.replace("_", " ")) for one in clock.zones()]
    return [SelectChoice("", f"As the workspace ({clock.zone()})"), *named]


def _styles() -> list[SelectChoice]:
    return [SelectChoice(name, one.example) for name, one in clock.STYLES.items()]


class ProfileForm(Form):
    """Name, look, time zone and formats. What is not sent stays as it is."""

    name = StringField(
        "Name", [InputRequired("Type your name")], render_kw={"autocomplete": "name"}
    )
    theme = RadioField(
        "Colours",
        choices=_choices(auto="As the system", light="Light", dark="Dark"),
        default="auto",
    )
    density = RadioField(
        "Rows", choices=_choices(default="Default", compact="Compact"), default="default"
    )
    timezone = Chosen("Time zone", choices=_zones)
    formats = Chosen("Way to write dates and numbers", choices=_styles)

    def values(self) -> dict[str, str]:
        """What was chosen, by the columns of a person."""
        names = ("name", "theme", "density", "timezone", "formats")
        return {name: self[name].data for name in names}


class PasswordForm(Form):
    """Another password for oneself."""

    current = PasswordField(
        "Present password", [InputRequired("Type your present password")],
        render_kw={"autocomplete": "current-password"},
    )  # fmt: skip
    password = PasswordField(
        "New password",
        [InputRequired("Choose a password")],
        render_kw={"autocomplete": "new-password"},
    )
