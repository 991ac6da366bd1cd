"""A file of rows: what all kinds of sheets have in common, and `open_book`, which tells them apart.

A cell is a text, exactly as a person sees it where that matters and canonical where it is typed. No
sheet is ever held in memory: `rows` streams, and may be called again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from app.errors import Invalid

MOST_COLUMNS = 1_000
LISTED = 200
"""How many problems are listed; all are counted."""

Note = Callable[[int, int, str, str], None]
"""Called for a cell that is damaged: line, column from 0, text, reason."""


class Sheet(NamedTuple):
    """One sheet of a book; a text file has one, named after the file."""

    name: str
    hidden: bool = False


class Option(NamedTuple):
    """One answer to a question. `value` is what the setting becomes, `examples` how it then reads."""

    value: Any
    label: str
    examples: list[str]


class Question(NamedTuple):
    """Something that only a person knows; the first option is what happens without an answer.

    `setting` is what the answer changes: `encoding`, `header_row`, `guarded`, or `notation` and `type`
    of the column whose label is `column`.
    """

    setting: str
    text: str
    options: list[Option]
    column: str = ""


class Problem(NamedTuple):
    """A cell, or where `column` is empty a row, that cannot be stored exactly, or was damaged before."""

    line: int
    column: str
    value: str
    reason: str


@dataclass
class Problems:
    """The first problems, and how many there are."""

    listed: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, column: str, value: str, reason: str) -> None:
        """Count one, and list it while there is room; a long value is cut short."""
        self.count += 1
        if len(self.listed) < LISTED:
            shown = value if len(value) <= 200 else value[:199] + "…"
            self.listed.append(Problem(line, column, shown, reason))

    def extend(self, others: Problems) -> None:
        """Those of another count as well."""
        self.count += others.count
        self.listed += others.listed[: LISTED - len(self.listed)]


class Book:
    """An open file. `sheets` has the visible ones first; `encoding` and `delimiter` are of text files."""

    kind = ""
    encoding: str | None = None
    delimiter: str | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sheets: list[Sheet] = []
        self.questions: list[Question] = []
        self.problems = Problems()

    def rows(self, sheet: str, note: Note | None = None) -> Iterator[tuple[int, list[str]]]:
        """Each row that is not empty: its line as a person counts, from 1, and its cells.

        Raises Invalid, naming the line, where the file cannot be read on.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sheet(self, name: str | None = None) -> str:
        """The name of this sheet; without one that of the first that is visible. Raises Invalid."""
        if name is None:
            return self.sheets[0].name
        if name not in [one.name for one in self.sheets]:
            there = ", ".join(f"“{one.name}”" for one in self.sheets)
            raise Invalid(f"{self.path.name} has no sheet “{name}”; there are {there}.")
        return name


def open_book(path: Path, encoding: str | None = None, delimiter: str | None = None) -> Book:
    """The book in a file, told by its content. Raises Invalid where it is none that can be read."""
    from app.sheets.text import TextBook

    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"PK"):
        from app.sheets.xlsx import XlsxBook

        return XlsxBook(path)
    if reason := _refusal(path, head):
        raise Invalid(f"{path.name} {reason}")
    return TextBook(path, encoding, delimiter)


BINARY = {b"\x89PNG": "a PNG picture", b"%PDF": "a PDF", b"GIF8": "a GIF picture",
          b"\xff\xd8\xff": "a JPEG picture", b"\x1f\x8b": "packed with gzip"}  # fmt: skip
OLE = b"\xd0\xcf\x11\xe0"


def _refusal(path: Path, head: bytes) -> str:
    """Why the file cannot be read, empty where it may be text."""
    if head.startswith(OLE):
        return _ole_refusal(path)
    found = next((what for magic, what in BINARY.items() if head.startswith(magic)), "")
    if found:
        return f"is {found}, whatever its name says. Send a CSV or XLSX file."
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        return (
            "is not an XLSX workbook, though its name says so. Save it again as “Excel workbook”."
        )
    return ""


def _ole_refusal(path: Path) -> str:
    """The container of Office before 2007 holds both old workbooks and new ones with a password."""
    marker = "EncryptedPackage".encode("utf-16-le")
    with path.open("rb") as file:
        before = b""
        while block := file.read(1 << 20):
            if marker in before + block:
                return "is protected with a password. Save a copy without one."
            before = block[-len(marker) :]
    return "is a workbook in the old .xls format. Save it as “Excel workbook (.xlsx)” or CSV."
