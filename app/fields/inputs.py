"""The input of a field in a form: one WTForms field for all types, and the ways to draw it."""

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
        if declared.type.given:
            self.flags.readonly = True

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was posted."""
        declared, self.data = self.declared, None
        try:
            value = declared.type.parse(self._value(), declared, FORM)
            self.data = declared.type.check(value, declared)
        except Invalid as error:
            raise ValueError(error.detail) from None

    def _value(self) -> str:
        """The text in the input."""
        if self.raw_data:
            return self.declared.type.posted(self.raw_data)
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


class Suggested(TextBox):
    """A line of text with suggestions, which a script asks for at the address in `data-options`."""

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        """The markup."""
        if "data-options" not in attributes:
            return super().__call__(field, **attributes)
        box = super().__call__(field, **{**attributes, "list": f"{field.id}-options"})
        return box + Markup('<datalist id="{}-options"></datalist>').format(field.id)


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


class Checkboxes(Options):
    """Any number of choices among (text, words), in a fieldset that the page puts round them. The empty
    input says that they were there, where none is ticked."""

    html_tag = "fieldset"

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        """The markup."""
        kind, declared = field.declared.type, field.declared
        chosen = [kind.text([one], declared) for one in field.data or ()]
        chosen = chosen or [text for text in field.raw_data or () if text.strip()]
        offered = dict(self.offered) | {text: dict(self.offered).get(text, text) for text in chosen}
        one, label = Markup("<input {}>"), Markup('<label class="choice">{} {}</label>')
        blank = one.format(Markup(html_params(type="hidden", name=field.name, value="")))
        boxes = (
            label.format(one.format(Markup(html_params(
                type="checkbox", id=f"{field.id}-{place}", name=field.name, value=text,
                checked=text in chosen,
            ))), words)
            for place, (text, words) in enumerate(offered.items())
        )  # fmt: skip
        return blank + Markup('<div class="choices">{}</div>').format(Markup().join(boxes))
