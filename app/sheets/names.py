"""What the columns of a sheet are called: a label and a field name for each heading."""

from __future__ import annotations

from collections.abc import Iterable

from app.fields.names import field_name


def letters(index: int) -> str:
    """What a spreadsheet calls the column with this index: A, B, …, Z, AA."""
    return (letters(index // 26 - 1) if index >= 26 else "") + chr(65 + index % 26)


def labels(headings: Iterable[str]) -> list[str]:
    """A label for each heading: one line, `Column F` where there is none, numbered where it comes again."""
    found: list[str] = []
    taken: set[str] = set()
    for index, heading in enumerate(headings):
        plain = " ".join(heading.split()) or f"Column {letters(index)}"
        label, number = plain, 1
        while label.casefold() in taken:
            number += 1
            label = f"{plain} {number}"
        taken.add(label.casefold())
        found.append(label)
    return found


def names(labels: Iterable[str]) -> list[str]:
    """A field name for each label."""
    found: list[str] = []
    for index, label in enumerate(labels):
        found.append(field_name(label, found, f"column_{letters(index).lower()}"))
    return found
