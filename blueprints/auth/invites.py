"""The page to which an invite leads: who is invited chooses a name and a password."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, url_for
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from app import invites, throttle
from app.errors import Conflict
from app.forms import Form
from app.models import Person
from app.permissions import public
from blueprints.auth import bp


class InviteForm(Form):
    """One's own name, and a first password."""

    name = StringField(
        "Your name", [InputRequired("Type your name")], render_kw={"autocomplete": "name"}
    )
    password = PasswordField(
        "Password", [InputRequired("Choose a password")], render_kw={"autocomplete": "new-password"}
    )


@bp.route("/invite/<token>", methods=["GET", "POST"])
@public
@throttle.limited("60/minute")
def invite(token: str) -> Any:
    """Choose name and password, with a link that an administrator has given."""
    person = invites.invited(token)
    if g.actor is not None:
        return render_template("auth/invited.html", whose=person), Conflict.status
    form = InviteForm(name=person.name)
    if form.validate_on_submit():
        with form.showing_errors():
            return _accepted(token, form)
    return render_template("auth/invite.html", form=form, whose=person), form.status


def _accepted(token: str, form: InviteForm) -> Any:
    person: Person = invites.accept(token, form.name.data, form.password.data)
    flash(f"Password set. Sign in with it as {person.email}", "ok")
    return redirect(url_for("auth.login"), 303)
