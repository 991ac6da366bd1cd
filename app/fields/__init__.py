"""Field types: the one place where a type is defined. Everything else asks the registry here.

A date typed in a form, pasted from a sheet, sent as JSON or put into an address meets the same parser
and fails with the same words. Nobody outside asks which type a field has: it is the type that answers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.fields.autonumber import AutoNumber
from app.fields.base import CANONICAL, FORM, Field, FieldType, Guess
from app.fields.choice import Choice, MultiChoice, Several, YesNo
from app.fields.date import Date, DateTime, Time
from app.fields.duration import Duration, Seconds
from app.fields.link import Link, Links, Person
from app.fields.lookups import where
from app.fields.number import DecimalNumber, Exact, Integer, Money
from app.fields.other import OTHER
from app.fields.text import LongText, Text

__all__ = [
    "CANONICAL", "FORM", "TYPES", "Exact", "Field", "FieldType", "Guess", "Seconds", "Several", "guess",
    "load", "of_column", "register", "where",
]  # fmt: skip

TYPES: dict[str, FieldType] = {}
"""Every type by its name, in the order in which an import tries them; text fits when nothing else does."""


def register(*types: FieldType) -> None:
    """Add types; a blueprint's come before those of the core, and may not take a name that is taken."""
    words = {word for known in TYPES.values() for word in (known.name, *known.variants)}
    for one in types:
        if taken := words & {one.name, *one.variants}:
            raise ValueError(f"there is a field type called {', '.join(sorted(taken))} already")
    ordered = {one.name: one for one in (*types, *TYPES.values())}
    TYPES.clear()
    TYPES.update(ordered)


register(
    YesNo(), Integer(), AutoNumber(), DecimalNumber(), Money(), Date(), DateTime(), Time(), Duration(),
    MultiChoice(), Choice(), Link(), Links(), Person(), LongText(), Text(),
)  # fmt: skip


def named(word: str) -> tuple[FieldType, dict[str, Any]]:
    """The type that a word means, and the options that it implies. Raises KeyError naming the words."""
    for one in (*TYPES.values(), OTHER):
        if word == one.name:
            return one, {}
        if word in one.variants:
            return one, dict(one.variants[word])
    raise KeyError(f"there is no field type {word!r}; there are {', '.join(TYPES)}")


def load(document: Mapping[str, Any]) -> Field:
    """The field of a declaration in JSON, as `Field.document` writes it. Raises KeyError, TypeError."""
    return Field(**{**document, "type": named(document["type"])[0]})


def of_column(column: sa.Column[Any]) -> Field | None:
    """The field that a column of a written model is: by `info["field"]`, else by its SQL type.

    None where no type claims it. What `info` leaves out is taken from the column.
    """
    info, name = column.info, column.key
    kinds = [named(info["field"])] if "field" in info else [(one, {}) for one in TYPES.values()]
    for kind, implied in kinds:
        claimed = kind.claims(column)
        if claimed is not None or "field" in info:
            return Field(
                id=info.get("id", name),
                name=name,
                label=info.get("label", name.replace("_", " ").strip().capitalize()),
                type=kind,
                required=info.get("required", not column.nullable and not _has_default(column)),
                unique=bool(column.unique),
                default=info.get("default", ""),
                help=info.get("help", ""),
                options={**(claimed or {}), **implied, **info.get("options", {})},
            )
    return None


def _has_default(column: sa.Column[Any]) -> bool:
    return column.default is not None or column.server_default is not None


# Import ----------------------------------------------------------------------------------------

BLANKS = {"NA", "N/A", "n/a", "-", "–", "null", "NULL", "#N/A"}
"""Words that mean blank in a column of anything but text."""


class Guessed(NamedTuple):
    """What a column is. `question` holds the readings that mean different values, the best first, where
    there are several; `blanks` the words that count as blank; `suggestion` a choice, if it looks like one."""

    best: Guess
    question: list[Guess]
    blanks: list[str]
    suggestion: Guess | None


def guess(texts: Collection[str], name: str = "") -> Guessed:
    """What the column with this heading is; every text is printed back the same by what is found.

    `texts` are those of all rows; blank ones do not matter. Where no type keeps every text, it is
    text, and the ones that it refuses have to be listed.
    """
    filled = [text for text in texts if text.strip()]
    distinct = list(dict.fromkeys(filled))
    values = [text for text in distinct if text.strip() not in BLANKS]
    blanks = [text for text in distinct if text.strip() in BLANKS]
    found = _guesses(values, name)
    if not values or blanks and (not found or found[0].type.family == "text"):
        found, blanks = _guesses(distinct, name), []
    best = found[0] if found else _fallback(distinct)
    return Guessed(best, _question(found, values), blanks, _suggestion(best, filled))


def _guesses(texts: list[str], name: str) -> list[Guess]:
    """Every reading that fits, the likeliest first; a format of text ends the search for others."""
    if not texts:
        return []
    text = TYPES["text"].guess(texts, name)
    if text and "format" in text[0].options:
        return text
    others = [one for one in TYPES.values() if one is not TYPES["text"]]
    return [guess for one in others for guess in one.guess(texts, name)] + text


def _fallback(texts: list[str]) -> Guess:
    reason = "some values cannot be kept as they are" if texts else "the column is empty"
    return Guess(TYPES["text"], {}, CANONICAL, reason)


def _question(found: list[Guess], texts: list[str]) -> list[Guess]:
    """The readings of the best one's family under which some text means something else."""
    rivals = [one for one in found if one.type.family == found[0].type.family]
    different = [one for one in rivals[1:] if _differ(rivals[0], one, texts)]
    return [rivals[0], *different] if different else []


def _differ(one: Guess, other: Guess, texts: list[str]) -> bool:
    mine, theirs = one.field(), other.field()
    return any(
        one.type.parse(text, mine, one.notation) != other.type.parse(text, theirs, other.notation)
        for text in texts
    )


def _suggestion(best: Guess, texts: list[str]) -> Guess | None:
    """A choice, where a column of words looks like one."""
    if best.type.family != "text" or best.options:
        return None
    choice = TYPES["choice"]
    return choice.suggest(texts) if isinstance(choice, Choice) else None
