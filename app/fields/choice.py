"""Choices: yes or no, and one of a list of words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa
from markupsafe import Markup, escape

from app.fields import lookups
from app.fields.base import CANONICAL, FORM, Field, FieldType, Guess
from app.fields.inputs import Options
from app.fields.text import words_of

PAIRS = ("true/false", "yes/no", "ja/nein", "oui/non", "y/n", "j/n", "x/", "on/off")
NAMES = re.compile(
    r"(?i)^(is|has|can|was|should|needs?)\b|\b(\w{2,}[^\We]ed|active|valid|done|open|public|visible)$"
)
"""Headings that ask a question to which 1 and 0 are the answers."""


class YesNo(FieldType):
    """Yes, no, or blank: not known. In a notation `ja/nein` the first word is yes."""

    name, noun, example, python = "yes-no", "yes or no", "true", bool
    accepts = (
        "true or false, yes or no, 1 or 0, x, and the same in German and French; blank is neither."
    )
    stored, json_type = sa.Boolean, {"type": "boolean"}

    def sql(self, field: Field) -> sa.types.TypeEngine[Any]:
        """A boolean."""
        return sa.Boolean()

    def sql_source(self, field: Field) -> str:
        """`sql` as it is written in a model."""
        return "sa.Boolean()"

    def read(self, text: str, field: Field, notation: str) -> bool | None:
        if notation == CANONICAL:
            return WORDS.get(text.casefold()) if len(text) < 10 else None
        yes, no = notation.split("/")
        return {yes: True, no: False}.get(text)

    def refusal(self, text: str, found: list[Any], field: Field) -> str:
        return "must be yes or no"

    def write(self, value: bool, field: Field, notation: str) -> str:
        yes, no = (notation if notation not in (CANONICAL, FORM) else "true/false").split("/")
        return yes if value else no

    def to_json(self, value: Any, field: Field) -> Any:
        return value

    def from_json(self, value: Any, field: Field) -> Any:
        return value if isinstance(value, bool) else super().from_json(value, field)

    def widget(self, field: Field) -> Any:
        return Options([("true", "Yes"), ("false", "No")])

    def show(self, value: bool, field: Field) -> Markup:
        return Markup("Yes" if value else "No")

    def candidates(self, texts: Collection[str], name: str) -> Iterator[str]:
        for pair in PAIRS:
            yield from (pair, pair.title(), pair.upper())
        if NAMES.search(words_of(name)):
            yield "1/0"

    def reason(self, options: dict[str, Any], notation: str) -> str:
        yes, no = notation.split("/")
        named = " and the heading asks for yes or no" if yes == "1" else ""
        return f"every value is {yes} or {no or 'blank'}{named}"


WORDS = {
    word: pair.startswith(word) for pair in (*PAIRS, "1/0") for word in pair.split("/") if word
}
"""Every word for yes and no."""


class Choice(FieldType):
    """One of the words in the option `choices`; `tones` may give each a colour, `archived` lists those
    that are no longer offered. What is stored is the word."""

    name, noun, example, python = "choice", "one of the choices", "Open", str
    accepts = "One of the choices of the field; capitals do not matter in a form."
    usual = {"choices": ["Open", "Done"]}
    stored, lookups = sa.String, {**lookups.EVERY, **lookups.SEVERAL}

    def choices(self, field: Field) -> list[str]:
        """All that have ever been."""
        return list(field.options.get("choices", ()))

    def sql(self, field: Field) -> sa.types.TypeEngine[Any]:
        """Short text."""
        return sa.String()

    def sql_source(self, field: Field) -> str:
        """`sql` as it is written in a model."""
        return "sa.String()"

    def claims(self, column: sa.Column[Any]) -> dict[str, Any] | None:
        if not isinstance(column.type, sa.Enum) or column.type.enum_class:
            return None
        return {"choices": list(column.type.enums)}

    def order(self, column: Any) -> sa.ColumnElement[Any]:
        return lookups.ordered(column)

    def rank(self, value: str) -> str:
        return lookups.rank(value)

    def readings(self, text: str, field: Field, notation: str) -> list[Any]:
        choices = self.choices(field)
        if text in choices or notation != FORM:
            return [text] if text in choices else []
        return [one for one in choices if one.casefold() == text.casefold()]

    def refusal(self, text: str, found: list[Any], field: Field) -> str:
        *most, last = [f"“{one[:40]}”" for one in self.offered(field)] or [
            "blank: it has no choices"
        ]
        if len(most) > 6:
            most, last = most[:6], f"one of {len(most) - 5} others"
        return f"must be {', '.join(most)} or {last}" if most else f"must be {last}"

    def offered(self, field: Field) -> list[str]:
        """Those that are not archived."""
        return [one for one in self.choices(field) if one not in field.options.get("archived", ())]

    def json(self, field: Field) -> dict[str, Any]:
        return {"type": "string", "enum": self.choices(field)}

    def widget(self, field: Field) -> Any:
        return Options([(one, one) for one in self.offered(field)])

    def show(self, value: str, field: Field) -> Markup:
        tone = field.options.get("tones", {}).get(value)
        markup = Markup('<span class="status {}">{}</span>')
        return markup.format(tone, value) if tone else escape(value)

    def guess(self, texts: Collection[str], name: str) -> list[Guess]:
        return []

    def suggest(self, texts: Collection[str]) -> Guess | None:
        """A choice among the values, where few of them come back often."""
        distinct = sorted({text.strip() for text in texts}, key=self.rank)
        if len(distinct) > 30 or len(distinct) * 5 > len(texts):
            return None
        reason = f"{len(distinct)} words make up {len(texts):,} values"
        return Guess(self, {"choices": distinct}, CANONICAL, reason)
