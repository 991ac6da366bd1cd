"""The form that every blueprint's forms are made from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.datastructures import CombinedMultiDict

from app.errors import Invalid


class Form(FlaskForm):
    """A Flask-WTF form that can show what a service refused."""

    class Meta(FlaskForm.Meta):
        """Where the values come from."""

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """What a form has sent. Flask-WTF would take JSON too, which the throttle never sees and
            which may hold anything, and a file in the place of a text.
            """
            if request.is_json:
                return None
            sent = super().wrap_formdata(form, formdata)
            files = any(isinstance(field, FileField) for field in form)
            return sent if files or not isinstance(sent, CombinedMultiDict) else request.form

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether all is well. No database of ours need store the character NUL, so no text may hold it."""
        good = super().validate(extra_validators)
        for field in self:
            if isinstance(field.data, str) and "\0" in field.data:
                words = f"{field.label.text} has a character that cannot be stored"
                field.errors = [*field.errors, words]
                good = False
        return bool(good)

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows this form."""
        return 422 if self.errors else 200

    @contextmanager
    def showing_errors(self) -> Iterator[None]:
        """Ends the block at an Invalid, with its messages at the fields they name."""
        try:
            yield
        except Invalid as error:
            for name, message in error.errors:
                self[name].errors = [*self[name].errors, message]
