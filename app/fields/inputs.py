"""The input of a field in a form: one WTForms field for all types, and the three ways to draw it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from wtforms import Field as FormField
from wtforms.widgets import TextArea, TextInput, html_params

from app.errors import Invalid

if TYPE_CHECKING:
    from app.fields.base import Field

FORM = "form"


class TypedField(FormField):
    """An input whose text is read by the field's type. What was typed stays where it was refused."""

    def __init__(self, declared: Field, **options: Any) -> None:
        options.setdefault("default", lambda: declared.type.parse(declared.default, declared))
        super().__init__(
            declared.label, description=declared.help, widget=declared.type.widget(declared), **options
        )  # fmt: skip
        self.declared = declared
        if declared.required:
            self.flags.required = True

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was posted."""
        declared, self.data = self.declared, None
        try:
            value = declared.type.parse(valuelist[0] if valuelist else "", declared, FORM)
            self.data = declared.type.check(value, declared)
        except Invalid as error:
            raise ValueError(error.detail) from None

    def _value(self) -> str:
        """The text in the input."""
        if self.raw_data:
            return str(self.raw_data[0])
        return self.declared.type.text(self.data, self.declared, FORM)


class TextBox(TextInput):
    """A line of text. Where the browser has a better input of the kind, it is used for texts that
    fit it: what does not fit would vanish there."""

    def __init__(self, keys: str = "", kind: str = "", fits: str = "") -> None:
        super().__init__()
        self.keys, self.kind, self.fits = keys, kind, re.compile(fits, re.ASCII)

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        """The markup."""
        if self.keys:
            attributes.setdefault("inputmode", self.keys)
        if self.kind and self.fits.fullmatch(field._value()):
            attributes.update(type=self.kind)
            attributes.update({} if self.kind == "date" else {"step": "1"})
        return Markup(super().__call__(field, **attributes))


class TextBlock(TextArea):
    """Several lines of text."""

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        """The markup."""
        return Markup(super().__call__(field, **{"rows": 4, **attributes}))


class Options:
    """A choice among (text, words); a value that is no longer offered is kept."""

    def __init__(self, offered: list[tuple[str, str]]) -> None:
        self.offered = offered

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        """The markup."""
        chosen = field._value()
        offered = [("", ""), *self.offered]
        if chosen not in dict(offered):
            offered.append((chosen, chosen))
        one = Markup("<option {}>{}</option>")
        options = (
            one.format(Markup(html_params(value=text, selected=text == chosen)), words)
            for text, words in offered
        )
        attributes = {"id": field.id, "name": field.name, **attributes}
        attributes = {"required": bool(field.flags.required), **attributes}
        box = Markup("<select {}>{}</select>")
        return box.format(Markup(html_params(**attributes)), Markup().join(options))
