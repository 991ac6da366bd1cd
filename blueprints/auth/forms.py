"""The forms of signing in. Browsers' own checks are off; the server answers in words."""

from __future__ import annotations

from wtforms import EmailField, HiddenField, PasswordField, RadioField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired
from wtforms.widgets import PasswordInput

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


class ProfileForm(Form):
    """Name and look."""

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
