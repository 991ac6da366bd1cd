"""Text: one line, in one of several formats; and long text. Kept as typed, less the blanks at its ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from markupsafe import Markup, escape

from app.fields import lookups
from app.fields.base import CANONICAL, FORM, Field, FieldType, Guess, setting
from app.fields.inputs import TextBlock, TextBox
from app.fields.lookups import Lookup
from app.fields.number import Integer

CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff"
"""Characters that a database, a page or a spreadsheet cannot keep."""
ODD = rf"{CONTROLS}\s@,;:<>()\[\]\"\\"
"""And those that an address of mail cannot have."""


class Format(NamedTuple):
    """A format of text: `pattern` fits all of a text; `article` and `example` say what works."""

    article: str
    example: str
    pattern: str = rf"[^{CONTROLS}\n]*"
    longest: int = 255
    keys: str = ""
    show: Callable[[str], Markup] = escape


def _linked(to: str, text: str) -> Markup:
    return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(to, text)


FORMATS = {
    "plain": Format("a line of text", "Blue pens"),
    "code": Format("a code", "007-A", show=Markup("<code>{}</code>").format),
    "email": Format(
        "an address of mail", "ada@example.com", rf"[^{ODD}]+@[^{ODD}.]+(?:\.[^{ODD}.]+)+", 254,
        "email", lambda text: _linked("mailto:" + text, text),
    ),
    "url": Format(
        "an address of the web", "https://example.com", rf"https?://[^{CONTROLS}\s<>\"]+", 2_000,
        "url", lambda text: _linked(text, text),
    ),
    "phone": Format(
        "a phone number", "+49 30 901820",
        r"\+?[0-9(][0-9()/. -]{1,30}[0-9)](?: ?(?:x|ext\.?) ?[0-9]{1,6})?", 50,
        "tel", lambda text: _linked("tel:" + re.sub(r"[^0-9+]", "", text), text),
    ),
}  # fmt: skip
EXACT_NAMES = re.compile(
    r"(?i)\b(zip|plz|post(al)?|phone|fax|tel|mobile|iban|bic|ean|isbn|gtin|sku|vat|account|bar)"
    r"(code|number|no|nr)?\b|\b(no|nr)\.?$"
)
"""Headings under which digits are names of things, and nothing to add up."""
PHONES = re.compile(r"(?i)phone|fax|mobile|\btel\b")


def words_of(name: str) -> str:
    """A heading with its words apart: `PostalCode` and `postal_code` are `Postal Code`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)


def _plain(field: Field) -> Field:
    return Field(field.id, field.name, field.label, Text(), options={"max": 1_000})


@lookups.takes(lambda field: {**lookups.value(_plain(field)), "minLength": 1})
def _part(field: Field, texts: Sequence[str]) -> str:
    """A part of a value: its format does not matter."""
    return str(lookups.filled(_plain(field), texts))


def _isblank(column: Any, wanted: bool) -> lookups.Condition:
    """A written model may keep blank as an empty text."""
    blank = sa.or_(column.is_(None), column == "")
    return blank if wanted else sa.not_(blank)


def _exact(column: Any, value: str | None) -> lookups.Condition:
    return _isblank(column, True) if value is None else column == value


def _not(column: Any, value: str | None) -> lookups.Condition:
    return _isblank(column, False) if value is None else column.is_distinct_from(value)


class Text(FieldType):
    """A line of text. Options: `format`, `max` (characters)."""

    name, noun, example, python = "text", "a line of text", "Blue pens", str
    accepts = (
        "A line of up to 255 characters, kept as typed without the blanks at its ends. With a "
        "format only what fits it: email, url (http or https), phone; code keeps zeros and signs."
    )
    variants = {word: {"format": word} for word in FORMATS if word != "plain"}
    stored, family = sa.String, "text"  # no length: a longer limit is no change of the table
    names_records = True
    settings = (setting("max", "Most characters", Integer(), min=1, max=100_000),)
    lookups = {
        "exact": Lookup("is", _exact),
        "not": Lookup("is not", _not),
        **lookups.SEVERAL,
        "contains": Lookup("contains", lookups.contains, _part),
        "startswith": Lookup("begins with", lookups.startswith, _part),
        "isblank": Lookup("is blank", _isblank, lookups.flag),
    }

    def format(self, field: Field) -> Format:
        """The format that the options name."""
        return FORMATS[field.options.get("format", "plain")]

    def example_of(self, field: Field) -> str:
        return self.format(field).example

    def longest(self, field: Field) -> int:
        """The most characters that fit."""
        return int(field.options.get("max", self.format(field).longest))

    def claims(self, column: sa.Column[Any]) -> dict[str, Any] | None:
        if not isinstance(column.type, sa.String) or isinstance(column.type, sa.Text | sa.Enum):
            return None
        return {"max": column.type.length} if column.type.length else {}

    def order(self, column: Any) -> sa.ColumnElement[Any]:
        return lookups.ordered(column)

    def rank(self, value: str) -> str:
        return lookups.rank(value)

    def read(self, text: str, field: Field, notation: str) -> str:
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    def accept(self, value: str, field: Field) -> str:
        form, longest = self.format(field), self.longest(field)
        if len(value) <= longest and re.fullmatch(form.pattern, value):
            return value
        if len(value) > longest:
            raise field.refusal(f"can have up to {longest:,} characters; this has {len(value):,}")
        if found := re.search(f"[{CONTROLS}]", value):
            place = f"character {found.start() + 1} is U+{ord(found[0]):04X}"
            raise field.refusal(f"can hold what can be seen only; {place}, which has to go")
        raise field.refusal(f"must be {form.article} like {form.example}")

    def takes(self, source: Field, field: Field) -> bool:
        kind = source.type
        if not isinstance(kind, Text) or isinstance(kind, LongText):
            return False
        patterns = FORMATS["plain"].pattern, kind.format(source).pattern
        wide = self.format(field).pattern in patterns
        return wide and kind.longest(source) <= self.longest(field)

    def nearest(self, value: Any, source: Field, field: Field) -> Any:
        """The beginning, as far as there is room."""
        text = source.type.text(value, source)[: self.longest(field)]
        return self.parse(text, field, FORM)

    def json(self, field: Field) -> dict[str, Any]:
        # half a pair of UTF-16 is in no text of JSON, and engines differ on what it is in a pattern
        pattern = f"^{self.format(field).pattern}$".replace(r"\ud800-\udfff", "")
        return {"type": "string", "maxLength": self.longest(field), "pattern": pattern}

    def widget(self, field: Field) -> Any:
        return TextBox(self.format(field).keys)

    def show(self, value: str, field: Field) -> Markup:
        return self.format(field).show(value)

    def guess(self, texts: Collection[str], name: str) -> list[Guess]:
        found = [form for form in ("email", "url") if self._fits(form, texts)]
        if PHONES.search(words_of(name)) and self._fits("phone", texts):
            found.append("phone")
        reason = f"every value is {FORMATS[found[0]].article}" if found else self._why(texts)
        if not found and self._names_things(texts, name):
            found.append("code")
        chosen = next(iter(found), "plain")
        options: dict[str, Any] = {"format": chosen} if found else {}
        longest = max(map(len, texts), default=0)
        if longest > FORMATS[chosen].longest:
            options["max"] = longest
        return (
            [Guess(self, options, CANONICAL, reason)] if self._fits(chosen, texts, options) else []
        )

    def prints_back(self, text: str, field: Field, notation: str) -> bool:
        return super().prints_back(self.read(text, field, notation), field, notation)

    def _fits(self, form: str, texts: Collection[str], options: Any = None) -> bool:
        field = Guess(self, options or {"format": form}, CANONICAL, "").field()
        return all(self.prints_back(text, field, CANONICAL) for text in texts)

    def _names_things(self, texts: Collection[str], name: str) -> bool:
        digits = all(re.fullmatch(r"[0-9][0-9A-Z ./-]*|[A-Z0-9]+", text) for text in texts)
        return digits and bool(EXACT_NAMES.search(words_of(name)) or self._counted(texts))

    def _counted(self, texts: Collection[str]) -> str:
        zeros = sum(bool(re.fullmatch("0[0-9]+", text.strip())) for text in texts)
        long = sum(text.isdigit() and len(text) > 15 for text in texts)
        if zeros:
            return f"{zeros:,} values begin with 0"
        return f"{long:,} values have more than 15 digits" if long else ""

    def _why(self, texts: Collection[str]) -> str:
        if counted := self._counted(texts):
            return counted
        other = next((text for text in texts if not re.fullmatch("[0-9.,]+", text.strip())), "")
        if other and any(re.fullmatch("[0-9.,]+", text.strip()) for text in texts):
            return f"numbers stand beside “{other.strip()[:30]}”"
        return "the values are words" if other else "no other type prints every value back the same"


class LongText(Text):
    """Text of several lines. Options: `max` (characters)."""

    name, noun, example, stored = "long-text", "a text", "Two lines,\nor more.", sa.Text
    names_records = False
    accepts = "Text of up to 100,000 characters on any number of lines."
    variants = {}
    lookups = {key: one for key, one in Text.lookups.items() if key != "in"}

    def format(self, field: Field) -> Format:
        return Format(self.noun, self.example, rf"[^{CONTROLS}]*", 100_000)

    claims = FieldType.claims

    def takes(self, source: Field, field: Field) -> bool:
        kind = source.type
        return isinstance(kind, Text) and kind.longest(source) <= self.longest(field)

    def widget(self, field: Field) -> Any:
        return TextBlock()

    def guess(self, texts: Collection[str], name: str) -> list[Guess]:
        if not any("\n" in text.strip() or len(text) > 255 for text in texts):
            return []
        longest = max(map(len, texts))
        options: dict[str, Any] = {"max": longest} if longest > 100_000 else {}
        fits = self._fits("", texts, options)
        reason = "there are values of several lines or of more than 255 characters"
        return [Guess(self, options, CANONICAL, reason)] if fits else []
