"""What a person says about a sheet, turned into the plan by which it is read.

A Draft begins as what was proposed; columns are known by their place in the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from app.errors import Invalid
from app.fields import BLANKS, TYPES, named
from app.sheets.book import Problems, open_book
from app.sheets.guard import unguarded
from app.sheets.names import names
from app.sheets.plan import Plan, PlanColumn, word_of
from app.sheets.rows import Reader, read_rows
from app.tables.table import ACCESS
from blueprints.studio.uploads import LONGEST_LABEL, Found, Upload, plain

MOST_TEXTS = 5_000
WORDS = {"yes-no": "Yes or no", "url": "Web address", "multi-choice": "Several choices"}
"""Where the word for a type is none that a person would use."""


def type_words() -> list[tuple[str, str]]:
    """Every type that a column of a sheet can have, with its variants, and what people call it."""
    typed = [one for one in TYPES.values() if one.alone and not one.given]
    known = [word for one in typed for word in (one.name, *one.variants)]
    return sorted(((word, type_label(word)) for word in known), key=lambda pair: pair[1])


def type_label(word: str) -> str:
    """What people call a type."""
    return WORDS.get(word, word.replace("-", " ").capitalize())


@dataclass
class Draft:
    """What is said of a sheet. `title` and `key` are places of columns; `answers` has for each question
    the place of the option."""

    name: str
    labels: list[str]
    types: list[str]
    included: list[bool]
    answers: list[int]
    access: str = "private"
    title: int | None = None
    key: int | None = None
    skip: bool = False
    errors: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def proposed(cls, found: Found, name: str) -> Draft:
        """What the form begins with."""
        columns = found.plan.columns
        return cls(
            name, [one.label for one in columns], [one.type for one in columns],
            [one.include for one in columns], [0] * len(found.questions),
        )  # fmt: skip

    def check(self) -> None:
        """Raises Invalid where something is missing or comes twice, naming the inputs."""
        self.errors = [*self._names(), *self._columns()]
        if self.errors:
            raise Invalid("", self.errors)

    def _names(self) -> Iterator[tuple[str, str]]:
        if not self.name:
            yield "name", "Name must not be empty"
        elif len(self.name) > LONGEST_LABEL:
            yield "name", f"Name can have up to {LONGEST_LABEL} characters"
        if self.access not in ACCESS:
            yield "access", "Choose who may use it"

    def _columns(self) -> Iterator[tuple[str, str]]:
        seen: dict[str, int] = {}
        if not any(self.included):
            yield "include-0", "Import at least one column"
        for place, label in enumerate(self.labels):
            if not self.included[place]:
                continue
            if not label:
                yield f"label-{place}", f"Column {place + 1} needs a name"
            elif len(label) > LONGEST_LABEL:
                words = f"The name of column {place + 1} can have up to {LONGEST_LABEL} characters"
                yield f"label-{place}", words
            elif label.casefold() in seen:
                yield f"label-{place}", f"Two columns are called “{label}”"
            seen[label.casefold()] = place


# The plan --------------------------------------------------------------------------------------


def planned(upload: Upload, found: Found, draft: Draft) -> tuple[Plan, bool]:
    """The plan with what is said in the draft, and whether types were changed by it."""
    plan = replace(found.plan, columns=[replace(one) for one in found.plan.columns])
    _answer(plan, found, draft)
    wanted = [
        place
        for place, (column, word) in enumerate(zip(found.plan.columns, draft.types, strict=True))
        if word != column.type and draft.included[place]
    ]
    if wanted:
        _retype(upload, plan, found, draft, wanted)
    for column, label, included in zip(plan.columns, draft.labels, draft.included, strict=True):
        column.label, column.include = label, included
    for column, name in zip(plan.columns, names(draft.labels), strict=True):
        column.name = name
    return plan, bool(wanted or any(draft.answers))


def _answer(plan: Plan, found: Found, draft: Draft) -> None:
    """What was answered to the questions, the first option being what is planned already."""
    for question, chosen in zip(found.questions, draft.answers, strict=True):
        value = question["options"][chosen]["value"]
        if question["setting"] == "guarded":
            plan.guarded = value
        elif question["index"] is not None and chosen:
            column = plan.columns[question["index"]]
            column.type, column.options = value["type"], value["options"]
            column.notation = value["notation"]


def _retype(upload: Upload, plan: Plan, found: Found, draft: Draft, wanted: list[int]) -> None:
    """Give columns the types that are wanted, each with the notation and options its texts need."""
    texts: dict[int, dict[str, None]] = {place: {} for place in wanted}
    with open_book(upload.file, plan.encoding, plan.delimiter) as book:
        for line, cells in book.rows(plan.sheet):
            for place in wanted:
                index = plan.columns[place].index
                if (
                    line > (plan.header_row or 0)
                    and index < len(cells)
                    and len(texts[place]) < MOST_TEXTS
                ):
                    texts[place][unguarded(cells[index]) if plan.guarded else cells[index]] = None
    for place in wanted:
        filled = [text for text in texts[place] if text.strip()]
        _fit(plan.columns[place], draft.types[place], found.columns[place], filled)


def _fit(column: PlanColumn, word: str, told: dict[str, Any], texts: list[str]) -> None:
    kind, implied = named(word)
    suggested = told["suggestion"]
    column.type = word
    if suggested and suggested["type"] == word:
        column.options, column.notation = suggested["options"], suggested["notation"]
        return
    words = (
        [] if kind.family == "text" else [text.strip() for text in texts if text.strip() in BLANKS]
    )
    values = [text for text in texts if text.strip() not in words]
    guesses = (one for one in kind.guess(values, told["heading"]) if values)
    exact = (one for one in guesses if word_of(kind, one.options)[0] == word)
    best = next(exact, None) or kind.fit(values, told["heading"], implied)
    column.options = word_of(kind, best.options)[1]
    column.notation, column.blanks = best.notation, list(dict.fromkeys(words))


def refused(upload: Upload, plan: Plan) -> tuple[int, Problems]:
    """How many of all rows cannot be stored so, and why."""
    rows, problems = 0, Problems()
    with open_book(upload.file, plan.encoding, plan.delimiter) as book:
        for row in read_rows(book, plan):
            rows += bool(row.errors)
            for one in row.errors:
                problems.add(*one[:3], one.reason.removeprefix(f"{one.column} "))
    return rows, problems


# The preview -----------------------------------------------------------------------------------


class Cell(NamedTuple):
    """A cell as it would be stored; `why` where it cannot be."""

    shown: Markup
    text: str
    css: str = ""
    why: str = ""


def preview(found: Found, plan: Plan) -> list[tuple[int, list[Cell]]]:
    """The first rows as they would be stored."""
    readers = [
        Reader(one, one.field(), plan.guarded) if one.include else None for one in plan.columns
    ]
    lines = []
    for line, cells in found.preview:
        full = cells + [""] * (plan.width - len(cells))
        pairs = zip(plan.columns, readers, strict=True)
        lines.append((line, [_cell(full[column.index], reader) for column, reader in pairs]))
    return lines


def _cell(text: str, reader: Reader | None) -> Cell:
    short = text if len(text) <= 200 else f"{text[:199]}…"
    if reader is None:
        return Cell(escape(short), text, "muted")
    kind, declared = reader.field.type, reader.field
    try:
        value = reader[text]
    except Invalid as error:
        return Cell(escape(short), text, f"{kind.css} bad".strip(), str(error))
    if value is None or len(text) > 200:
        return Cell(escape(short), text, f"{kind.css} muted" if value is None else kind.css)
    return Cell(kind.cell(value, declared), text, kind.css)


def keys(found: Found) -> list[int]:
    """Places of columns in which every row has a value of its own."""
    return [
        place
        for place, column in enumerate(found.columns)
        if column["distinct"] == column["filled"] == found.rows
    ]


def name_of(upload: Upload, found: Found) -> str:
    """What the tool could be called: like the sheet where there are several, else like the file."""
    stem = upload.name.rpartition(".")[0] or upload.name
    words = found.plan.sheet if len(found.sheets) > 1 else stem
    label = plain(words.replace("_", " ").replace("-", " "), LONGEST_LABEL)
    return label[:1].upper() + label[1:] or "Table"
