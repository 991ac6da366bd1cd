"""How tables, values and changes are spoken of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from app.fields import Field, lookups
from app.models import Change
from app.tables.listing import Filter
from app.tables.live import Live

LONGEST_NAME, LONGEST_CHIP, LONGEST_CHANGE = 200, 60, 400
SAME = {"news", "series", "species", "staff"}
KEPT_E = {"movies", "cookies", "ties", "pies", "calories", "zombies"}


def singular(label: str) -> str:
    """What one record is called, by the English plural of the table's label; any other word stays."""
    start, _, word = label.rpartition(" ")
    return f"{start} {_one(word)}".strip()


def _one(word: str) -> str:
    low = word.lower()
    if low in SAME or low.endswith(("ss", "us", "is")) or not low.endswith("s") or len(low) < 4:
        return word
    if low.endswith("ies") and low not in KEPT_E:
        return word[:-3] + "y"
    return word[:-2] if low.endswith(("sses", "shes", "ches", "xes")) else word[:-1]


def inside(label: str) -> str:
    """A label in the middle of a sentence: `customer`, but `IT asset`."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def negated(words: str) -> str:
    """`is blank` as `is not blank`."""
    return words.replace("is ", "is not ", 1)


def shown(field: Field, value: Any) -> Markup:
    """A value as its cell. Fields may have become narrower: then the text stands for it."""
    try:
        return field.type.cell(value, field)
    except Exception:
        return escape("" if value is None else value)


def plain(field: Field, value: Any) -> str:
    """What one reads in the cell of a value, as text."""
    markup = shown(field, value)
    return markup.striptags() if "<" in markup else markup.unescape()


def cut(text: str, longest: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def named(live: Live, record_id: int, values: Mapping[str, Any]) -> str:
    """What people call a record: the text of its title field, else its number."""
    field = live.table.by_name.get(live.table.title)
    text = plain(field, values.get(field.name)) if field else ""
    return cut(text, LONGEST_NAME) or f"{singular(live.table.label)} {record_id}"


# Filters ---------------------------------------------------------------------------------------

OF_VALUES = (lookups.one, lookups.several, lookups.filled)
"""The lookups that compare with values of the field, and not with a part of one or a year."""


def filter_in_words(one: Filter) -> str:
    """`Status is Open`, `Due is not blank`."""
    lookup = one.field.type.lookups[one.lookup]
    words, texts = lookup.words, list(one.texts)
    if lookup.read is lookups.flag:
        return f"{one.field.label} {words if texts == ['true'] else negated(words)}"
    if lookup.read in OF_VALUES:
        values = [one.field.type.parse(text, one.field) for text in texts]
        texts = [plain(one.field, value) or "blank" for value in values]
    return f"{one.field.label} {words} {cut(', '.join(texts), LONGEST_CHIP)}"


# Changes ---------------------------------------------------------------------------------------

ACTIONS = {
    "create": "Added", "update": "Changed", "delete": "Deleted", "restore": "Restored",
    "import": "Imported", "design": "Settings changed",
}  # fmt: skip


EMPTY = Markup("empty")


class Line(NamedTuple):
    """A field of a change, with its old and its new value in the form of cells. Of a record that was
    added or deleted there is one, `new`: what it has, or had."""

    label: str
    old: Markup
    new: Markup


def action(change: Change) -> str:
    """What was done, in one word."""
    return ACTIONS.get(change.action, change.action.capitalize())


def lines(change: Change, values: Sequence[tuple[Field, Any, Any]]) -> list[Line]:
    """What a change did to the fields that the table still has; of a whole table, what was noted."""
    if change.record_id is None:
        noted = [
            (name, one) for name, one in change.data.items() if not isinstance(one, dict | list)
        ]
        return [
            Line(name.replace("_", " ").capitalize(), Markup(), escape(one)) for name, one in noted
        ]
    found = []
    for field, old, new in values:
        before, after = _short(field, old), _short(field, new)
        if change.action == "update":
            before, after = before or EMPTY, after or EMPTY
        found.append(Line(field.label, before if after else Markup(), after or before))
    return found


def _short(field: Field, value: Any) -> Markup:
    """A value that may be very long: its beginning, and how long it is."""
    if isinstance(value, str) and len(value) > LONGEST_CHANGE:
        return escape(f"{value[:LONGEST_CHANGE]}… ({len(value):,} characters)")
    return shown(field, value)
