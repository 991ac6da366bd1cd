"""A plan: how a sheet is read, as plain values that a person may change and JSON can keep."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from app.fields import Field, named
from app.fields.base import FieldType


@dataclass
class PlanColumn:
    """One column of the sheet. `type` is a word such as `code` or `date`; `blanks` mean nothing."""

    index: int
    heading: str
    name: str
    label: str
    type: str = "text"
    options: dict[str, Any] = field(default_factory=dict)
    notation: str = ""
    blanks: list[str] = field(default_factory=list)
    include: bool = True

    def field(self) -> Field:
        """The field that takes the column. Raises KeyError where there is no such type."""
        kind, implied = named(self.type)
        return Field(self.name, self.name, self.label, kind, options={**implied, **self.options})


@dataclass
class Plan:
    """How one sheet is read. `header_row` is a line of the file, None where there is no header.

    `width` counts all columns of the sheet; `columns` leaves out those that hold nothing. `guarded`
    takes the prefix off that exports put before texts that look like formulas.
    """

    sheet: str
    header_row: int | None
    encoding: str | None
    delimiter: str | None
    guarded: bool
    width: int
    columns: list[PlanColumn]

    def included(self) -> list[PlanColumn]:
        """The columns that are read."""
        return [one for one in self.columns if one.include]

    def fields(self) -> list[Field]:
        """A field for each column that is read; its id is its name until somebody gives another."""
        return [one.field() for one in self.included()]

    def document(self) -> dict[str, Any]:
        """The plan as JSON; `of` reads it."""
        return asdict(self)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """The plan of a document. Raises TypeError, KeyError."""
        columns = [PlanColumn(**one) for one in document["columns"]]
        return cls(**{**document, "columns": columns})


def word_of(type: FieldType, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The word for a type with these options, and the options that the word does not imply."""
    for word, implied in type.variants.items():
        if implied.items() <= options.items():
            return word, {key: options[key] for key in options if key not in implied}
    return type.name, dict(options)
