"""The form that every blueprint's forms are made from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask_wtf import FlaskForm

from app.errors import Invalid


class Form(FlaskForm):
    """A Flask-WTF form that can show what a service refused."""

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
