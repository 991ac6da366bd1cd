"""Choices: yes or no, one of a list of words, and several of them."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from markupsafe import Markup, escape

from app.fields import lookups
from app.fields.base import CANONICAL, FORM, Field, FieldType, Guess, setting
from app.fields.inputs import Checkboxes, Options
from app.fields.lookups import Condition, Lookup
from app.fields.text import LongText, words_of

PAIRS = ("true/false", "yes/no", "ja/nein", "oui/non", "y/n", "j/n", "x/", "on/off")
NAMES = re.compile(
    r"(?i)^(is|has|can|was|should|needs?)\b|\b(\w{2,}[^\We]ed|active|valid|done|open|public|visible)$"
)
"""Headings that ask a question to which 1 and 0 are the answers."""
LONGEST = 255
"""Characters of a choice."""


class YesNo(FieldType):
    """Yes, no, or blank: not known. In a notation `ja/nein` the first word is yes."""

    name, noun, example, python = "yes-no", "yes or no", "true", bool
    accepts = (
        "true or false, yes or no, 1 or 0, x, and the same in German and French; blank is neither."
    )
    stored, json_type = sa.Boolean, {"type": "boolean"}

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


class Lines(LongText):
    """Words, one a line: how a setting takes a list. No table has such a field."""

    def accept(self, value: Any, field: Field) -> Any:
        lines = super().accept(value, field).split("\n")
        words = list(dict.fromkeys(filter(None, map(str.strip, lines))))
        if long := [one for one in words if len(one) > LONGEST]:
            raise field.refusal(f"has a line of more than {LONGEST} characters: “{long[0][:20]}…”")
        return words

    def write(self, value: Any, field: Field, notation: str) -> str:
        return "\n".join(value)

    def to_json(self, value: Any, field: Field) -> Any:
        return value

    def from_json(self, value: Any, field: Field) -> Any:
        return super().from_json("\n".join(value or ()), field)


class Choice(FieldType):
    """One of the words in the option `choices`; `tones` may give each a colour, `archived` lists those
    that are no longer offered. What is stored is the word."""

    name, noun, example = "choice", "one of the choices", "Open"
    python: ClassVar[type] = str
    accepts = "One of the choices of the field; capitals do not matter in a form."
    usual = {"choices": ["Open", "Done"]}
    settings = (
        setting("choices", "Choices", Lines(), "One a line.", required=True),
        setting(
            "archived", "No longer offered", Lines(), "Choices that records may keep, one a line."
        ),
    )
    stored: ClassVar[type[sa.types.TypeEngine[Any]]] = sa.String
    lookups = {**lookups.EVERY, **lookups.SEVERAL}

    def choices(self, field: Field) -> list[str]:
        """All that have ever been."""
        return list(field.options.get("choices", ()))

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

    def takes(self, source: Field, field: Field) -> bool:
        same = source.type is self and "renamed" not in field.options
        return same and set(self.choices(source)) <= set(self.choices(field))

    def convert(self, value: Any, source: Field, field: Field) -> Any:
        """The option `renamed`, there while a field is changed, says what a word is called from then on."""
        text = source.type.text(value, source)
        return self.parse(field.options.get("renamed", {}).get(text, text), field, FORM)

    def continued(self, options: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """A line that was typed over is a word that is called something else from then on: so it is
        where there are as many choices as before, and what is new stands in the place of what is gone."""
        old, new = before.get("choices", []), options.get("choices", [])
        moved = {one: other for one, other in zip(old, new, strict=False) if one != other}
        same = set(moved) & set(new) or set(moved.values()) & set(old)
        return (
            options if len(old) != len(new) or same or not moved else {**options, "renamed": moved}
        )

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

    def example_of(self, field: Field) -> str:
        return next(iter(self.offered(field)), self.example)

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

    def fit(self, texts: Collection[str], name: str, implied: Mapping[str, Any]) -> Guess:
        words = sorted({text.strip() for text in texts}, key=self.rank)
        return Guess(self, {"choices": words}, CANONICAL, "you want it so")

    def suggest(self, texts: Collection[str]) -> Guess | None:
        """A choice among the values, where few of them come back often."""
        distinct = sorted({text.strip() for text in texts}, key=self.rank)
        if len(distinct) > 30 or len(distinct) * 5 > len(texts):
            return None
        reason = f"{len(distinct)} words make up {len(texts):,} values"
        return Guess(self, {"choices": distinct}, CANONICAL, reason)


# Several choices -------------------------------------------------------------------------------


class Several(sa.types.TypeDecorator[tuple[str, ...]]):
    """Some lines of text, each between two line breaks: so one of them can be looked for."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        """To the database. Raises ValueError for what is no line."""
        if any("\n" in one for one in value or ()):
            raise ValueError(f"{value} are not lines")
        return joined(value) if value else None

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> tuple[str, ...] | None:
        """From the database."""
        return None if value is None else tuple(value[1:-1].split("\n"))


def joined(value: Sequence[str]) -> str:
    """What is stored."""
    return "".join(f"\n{one}" for one in value) + "\n"


def _contains(column: Any, value: Sequence[str]) -> Condition:
    """All of these are chosen. LIKE would not tell capitals apart on SQLite."""
    text = sa.type_coerce(column, sa.Text)
    return sa.and_(*(sa.func.replace(text, joined([one]), "") != text for one in value))


def _any(column: Any, values: Sequence[Any]) -> Condition:
    """One of these is chosen; or none at all, if that is among the values."""
    words = [one for value in values for one in value or ()]
    found = sa.or_(sa.false(), *(_contains(column, [one]) for one in words))
    return sa.or_(found, column.is_(None)) if None in values else found


def _same(column: Any, value: Any) -> Condition:
    """These are chosen and no others, in whatever order the choices were then."""
    if value is None:
        return lookups.isblank(column, True)
    long = sa.func.length(sa.type_coerce(column, sa.Text)) == len(joined(value))
    return sa.and_(long, _contains(column, value))


def _differs(column: Any, value: Any) -> Condition:
    if value is None:
        return lookups.isblank(column, False)
    return sa.or_(column.is_(None), sa.not_(_same(column, value)))


def _parts(text: str, separator: str) -> list[str]:
    """What stands between the separators; one that has a separator itself is in quotes."""
    try:
        rows = list(csv.reader([text], delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error:
        return []
    return [one for row in rows for one in row if one.strip()]


def _quoted(one: str) -> str:
    plain = "," not in one and '"' not in one and one == one.strip()
    return one if plain else '"{}"'.format(one.replace('"', '""'))


class MultiChoice(Choice):
    """Several of the words in the option `choices`, a tuple in their order; otherwise as a choice."""

    name, noun, example = "multi-choice", "some of the choices", "Open, Done"
    python, stored, claims = tuple, Several, FieldType.claims
    accepts = (
        "Any of the choices of the field, parted by commas; one that has a comma itself stands in "
        "quotes. A form has a box for each."
    )
    notations = (";",)
    lookups = {
        "exact": Lookup("is", _same),
        "not": Lookup("is not", _differs),
        "contains": Lookup("contains", _contains, lookups.filled),
        "in": Lookup("contains one of", _any, lookups.several),
        "isblank": lookups.EVERY["isblank"],
    }

    def example_of(self, field: Field) -> str:
        return self.write(self.offered(field)[:2], field, CANONICAL)

    def rank(self, value: Any) -> str:
        return lookups.rank(joined(value))

    def readings(self, text: str, field: Field, notation: str) -> list[Any]:
        for separator in ",;" if notation == FORM else notation or ",":
            found = [self._one(part, field, notation) for part in _parts(text, separator)]
            if found and None not in found:
                return [self._ordered(found, field)]
        return []

    def _one(self, text: str, field: Field, notation: str) -> str | None:
        known = Choice.readings(self, text, field, notation)
        known = known or Choice.readings(self, text.strip(), field, notation)
        return known[0] if len(known) == 1 else None

    def _ordered(self, chosen: Collection[Any], field: Field) -> tuple[str, ...]:
        return tuple(one for one in self.choices(field) if one in chosen)

    def refusal(self, text: str, found: list[Any], field: Field) -> str:
        return f"{super().refusal(text, found, field)}, or several of them"

    def write(self, value: Any, field: Field, notation: str) -> str:
        return ", ".join(map(_quoted, value))

    def posted(self, texts: Sequence[str]) -> str:
        return ", ".join(filter(str.strip, texts))

    def convert(self, value: Any, source: Field, field: Field) -> Any:
        names, chosen = (
            field.options.get("renamed", {}),
            value if isinstance(value, tuple) else (value,),
        )
        words = [names.get(one, one) for one in chosen]
        if all(one in self.choices(field) for one in words):
            return self._ordered(words, field)
        return super().convert(value, source, field)

    def to_json(self, value: Any, field: Field) -> Any:
        return None if value is None else list(value)

    def from_json(self, value: Any, field: Field) -> Any:
        if not isinstance(value, list | None):
            raise field.refusal(f'must be a list like ["{self.example_of(field)}"]')
        if not all(one in self.choices(field) for one in value or ()):
            raise field.refusal(self.refusal("", [], field))
        return self._ordered(value or (), field) or None

    def json(self, field: Field) -> dict[str, Any]:
        return {"type": "array", "items": super().json(field), "uniqueItems": True}

    def widget(self, field: Field) -> Any:
        return Checkboxes([(_quoted(one), one) for one in self.offered(field)])

    def show(self, value: Any, field: Field) -> Markup:
        show = super().show
        return Markup(", ").join(show(one, field) for one in value)

    def fit(self, texts: Collection[str], name: str, implied: Mapping[str, Any]) -> Guess:
        commas, semicolons = (sum(mark in text for text in texts) for mark in ",;")
        notation = ";" if semicolons > commas else CANONICAL
        parts = (part.strip() for text in texts for part in _parts(text, notation or ","))
        words = dict.fromkeys(parts)
        return Guess(self, {"choices": sorted(words, key=lookups.rank)}, notation, "you want it so")
