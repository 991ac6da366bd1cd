"""What a sheet holds: its header, a type with a reason for each column, questions, and problems.

A first pass gathers the distinct texts of each column and guesses from them. Where there are too many
to keep, further passes hold the guess against every row, and what does not fit goes into the next
guess: a sample never has the last word, and memory does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, Literal

from app.errors import Invalid
from app.fields import BLANKS, Guess, Guessed
from app.sheets.book import Book, Note, Option, Problems, Question, open_book
from app.sheets.gathering import Gathered
from app.sheets.guard import GUARDED, unguarded
from app.sheets.header import LOOKED_AT, Header, Rows, find_header, usual_width
from app.sheets.names import labels, letters, names
from app.sheets.plan import Plan, PlanColumn, word_of
from app.sheets.rows import ragged

MISFITS = 500
"""Texts of one pass that go into the next guess."""
PASSES = 6
BLOCK = 500
PREVIEW = 20
FORMULAS = "some texts begin with ' and a sign of formulas, as exports write them"
LOST = "has U+FFFD, which stands for a character that was lost before"

HeaderRow = int | None | Literal["auto"]


@dataclass
class Column:
    """A column of a sheet. `filled` counts its cells that are not blank, `blank_words` those that hold
    a word for blank; `distinct` is None where there are too many to count."""

    index: int
    heading: str
    name: str
    guessed: Guessed
    filled: int
    distinct: int | None
    blank_words: int

    def document(self) -> dict[str, Any]:
        """As JSON."""
        best, suggestion = self.guessed.best, self.guessed.suggestion
        word, options = word_of(best.type, best.options)
        blanks = {"blanks": self.guessed.blanks, "blank_words": self.blank_words}
        return {
            "heading": self.heading, "name": self.name, "type": word, "reason": best.reason,
            "options": options, "notation": best.notation, **blanks,
            "filled": self.filled, "distinct": self.distinct,
            "suggestion": _described(suggestion) if suggestion else None,
        }  # fmt: skip


@dataclass
class SheetInspection:
    """One sheet. `rows` counts those below the header that are not blank, `preview` has the first of
    them with their lines; `dropped` names columns without heading and cells; `width` counts all."""

    name: str
    hidden: bool
    header_row: int | None
    columns: list[Column] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    rows: int = 0
    preview: Rows = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    width: int = 0
    guarded: bool = False

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name, "hidden": self.hidden, "header_row": self.header_row,
            "rows": self.rows, "columns": [one.document() for one in self.columns],
            "dropped": self.dropped, "questions": [_asked(one) for one in self.questions],
            "problems": [one._asdict() for one in self.problems.listed],
            "problem_count": self.problems.count,
        }  # fmt: skip


@dataclass
class Inspection:
    """A file. `encoding` and `delimiter` are None where it is no text."""

    kind: str
    encoding: str | None
    delimiter: str | None
    sheets: list[SheetInspection]

    def sheet(self, name: str | None = None) -> SheetInspection:
        """The sheet with this name, the first without one. Raises KeyError."""
        found = {one.name: one for one in self.sheets}
        return self.sheets[0] if name is None else found[name]

    def plan(self, name: str | None = None) -> Plan:
        """What is proposed for this sheet; the first without a name."""
        one = self.sheet(name)
        columns = [_planned(column) for column in one.columns]
        return Plan(
            one.name, one.header_row, self.encoding, self.delimiter, one.guarded, one.width, columns
        )

    def document(self) -> dict[str, Any]:
        """As JSON."""
        text = (
            {}
            if self.encoding is None
            else {"encoding": self.encoding, "delimiter": self.delimiter}
        )
        return {"kind": self.kind, **text, "sheets": [one.document() for one in self.sheets]}


def inspect(
    book: Book | Path, sheet: str | None = None, header_row: HeaderRow = "auto"
) -> Inspection:
    """What an import would see: of this sheet only, if one is named, else of all, visible ones first.

    `header_row` is a line, or None where there is no header. Encoding and delimiter are set by opening
    the book with them. Raises Invalid where the file cannot be read.
    """
    if isinstance(book, Path):
        with open_book(book) as opened:
            return inspect(opened, sheet, header_row)
    wanted = [one for one in book.sheets if sheet is None or one.name == book.sheet(sheet)]
    found = [_Inspector(book, one.name, one.hidden).run(header_row) for one in wanted]
    return Inspection(book.kind, book.encoding, book.delimiter, found)


class _Inspector:
    """Inspects one sheet."""

    def __init__(self, book: Book, name: str, hidden: bool) -> None:
        self.book, self.found = book, SheetInspection(name, hidden, None)
        self.found.problems = Problems(list(book.problems.listed), book.problems.count)
        self.found.questions = list(book.questions)
        self.columns: list[Gathered] = []
        self.erred: set[int] = set()

    def run(self, header_row: HeaderRow) -> SheetInspection:
        """All of it."""
        first = list(islice(self.book.rows(self.found.name), LOOKED_AT))
        header = self._header(first, header_row)
        self.found.header_row = header.line
        rows = [one for one in first if one[0] >= (header.line or 0)]
        width = max(usual_width(rows), len(header.cells))
        cells = header.cells + [""] * (width - len(header.cells))
        self.columns = [Gathered(unguarded(heading)) for heading in cells]
        self._gather()
        self._settle()
        self._conclude()
        return self.found

    def _header(self, first: Rows, wanted: HeaderRow) -> Header:
        if wanted == "auto":
            header = find_header(first)
            self.found.questions += [header.question] if header.question else []
            return header
        if wanted is None:
            return Header(None, [])
        cells = next((cells for line, cells in self._rows() if line == wanted), None)
        if cells is None:
            raise Invalid(f"no row begins in line {wanted:,}, so it cannot be the header")
        return Header(wanted, cells)

    def _rows(self, note: Note | None = None) -> Iterator[tuple[int, list[str]]]:
        return self.book.rows(self.found.name, note)

    def _blocks(self, note: Note | None = None) -> Iterator[tuple[list[int], list[list[str]]]]:
        """Lines and cells of some rows below the header that are not blank."""
        begin = self.found.header_row or 0
        rows = (one for one in self._rows(note) if one[0] > begin and any(map(str.strip, one[1])))
        while block := list(islice(rows, BLOCK)):
            yield [line for line, _ in block], [cells for _, cells in block]

    # Passes ----------------------------------------------------------------------------------

    def _gather(self) -> None:
        """Distinct texts and counts; what is damaged or odd."""
        for lines, rows in self._blocks(self._damaged):
            room = PREVIEW - len(self.found.preview)
            self.found.preview += islice(zip(lines, rows, strict=True), max(room, 0))
            self.found.rows += len(lines)
            self._widths(lines, rows)
            for index, (one, texts) in enumerate(zip(self.columns, _turned(rows), strict=False)):
                one.add(texts)
                self._look_for_damage(index, lines, texts)

    def _widths(self, lines: list[int], rows: list[list[str]]) -> None:
        """Rows of another width: in a text file a mistake, in a workbook the way it is."""
        if self.book.kind == "xlsx":
            more = max(map(len, rows)) - len(self.columns)
            self.columns += [Gathered() for _ in range(more)]
            return
        width = len(self.columns)
        for line, cells in zip(lines, rows, strict=True):
            if len(cells) != width and (problem := ragged(line, cells, width)):
                self.found.problems.add(*problem)

    def _damaged(self, line: int, index: int, text: str, reason: str) -> None:
        if line > (self.found.header_row or 0):
            self.found.problems.add(line, self._label(index), text, reason)
            self.erred.add(index)

    def _label(self, index: int) -> str:
        heading = self.columns[index].heading if index < len(self.columns) else ""
        return " ".join(heading.split()) or f"Column {letters(index)}"

    def _look_for_damage(self, index: int, lines: list[int], texts: tuple[str, ...]) -> None:
        """Replacement characters, and the guard that exports put before formulas."""
        whole = "\0".join(texts)
        if "'" in whole and not self.found.guarded:
            self.found.guarded = any(map(GUARDED.match, texts))
        if "\ufffd" in whole:
            for line, text in zip(lines, texts, strict=True):
                if "\ufffd" in text:
                    self.found.problems.add(line, self._label(index), text, LOST)

    def _settle(self) -> None:
        """Guess until every row fits, or what does not is listed."""
        if self.found.guarded:
            self._take_guard_off()
        for index, one in enumerate(self.columns):
            one.erred = index in self.erred
            one.guess()
        for left in reversed(range(PASSES)):
            open_ones = [i for i, one in enumerate(self.columns) if self._open(one)]
            if not open_ones or not self._pass(open_ones, last=not left):
                return

    def _open(self, one: Gathered) -> bool:
        return not one.whole or bool(one.refused)

    def _take_guard_off(self) -> None:
        for one in self.columns:
            one.texts = dict.fromkeys(map(unguarded, one.texts))
            one.longest = unguarded(one.longest)

    def _pass(self, open_ones: list[int], last: bool) -> bool:
        """Hold the guesses against all rows; True where they changed, and another pass is needed."""
        misfits: dict[int, dict[str, None]] = {index: {} for index in open_ones}
        problems = Problems()
        for lines, rows in self._blocks():
            columns = _turned(rows)
            for index in open_ones:
                if index < len(columns):
                    self._hold(index, lines, columns[index], misfits[index], problems)
        if not last and self._guess_again(misfits):
            return True
        self.found.problems.extend(problems)
        return False

    def _hold(
        self, index: int, lines: list[int], texts: tuple[str, ...], misfits: Any, problems: Problems
    ) -> None:
        one = self.columns[index]
        if one.lane and not self.found.guarded and one.lane(texts) is not None:
            return
        for line, text in zip(lines, texts, strict=True):
            text = unguarded(text) if self.found.guarded else text
            if (
                not text.strip()
                or text not in one.refused
                and (text in one.texts or one.fits(text))
            ):
                continue
            problems.add(line, self._label(index), text, _reason(one.guessed.best, text))
            if len(misfits) < MISFITS:
                misfits[text] = None

    def _guess_again(self, misfits: dict[int, dict[str, None]]) -> bool:
        changed = False
        for index, texts in misfits.items():
            one = self.columns[index]
            if new := [text for text in texts if text not in one.texts]:
                before = one.guessed
                one.texts.update(dict.fromkeys(new))
                one.guess()
                changed |= one.guessed != before
        return changed

    # Conclusion ------------------------------------------------------------------------------

    def _conclude(self) -> None:
        headings = labels(one.heading for one in self.columns)
        named = names(headings)
        self.found.width = len(self.columns)
        for index, (one, heading, name) in enumerate(
            zip(self.columns, headings, named, strict=True)
        ):
            if not one.filled and not one.heading.strip():
                self.found.dropped.append(letters(index))
                continue
            distinct = sum(1 for text in one.texts if text.strip()) if one.whole else None
            counts = one.filled, distinct, one.blank_words
            self.found.columns.append(Column(index, heading, name, one.guessed, *counts))
            self._ask(one, heading)
            self._ask_type(one, heading)
        if self.found.guarded:
            self.found.questions.append(self._ask_guard())

    def _ask(self, one: Gathered, heading: str) -> None:
        """Readings under which the same text means something else."""
        readings = one.guessed.question
        if not readings:
            return
        values = [text for text in one.texts if text.strip() and text.strip() not in BLANKS]
        unsure = [text for text in values if len({_read(way, text) for way in readings}) > 1][:3]
        options = [
            Option(
                _described(way), way.reason, [f"{text} is {_read(way, text)}" for text in unsure]
            )
            for way in readings
        ]
        text = f"{heading}: {unsure[0] if unsure else ''} can mean several things"
        self.found.questions.append(Question("notation", text, options, heading))

    def _ask_type(self, one: Gathered, heading: str) -> None:
        """A column of text in which all but a few values are of another type."""
        if found := one.almost():
            way, few = found
            word = _described(way)["type"]
            text = f"{heading}: {word} fits all but {len(few):,} of {one.filled:,} values"
            kept = Option(_described(one.guessed.best), "keep text", few[:3])
            other = Option(_described(way), f"{word}; the others are refused", few[:3])
            self.found.questions.append(Question("type", text, [kept, other], heading))

    def _ask_guard(self) -> Question:
        """Whether an apostrophe is the prefix of an export."""
        options = [Option(True, "take the ' off", []), Option(False, "keep it", [])]
        return Question("guarded", FORMULAS, options)


def _turned(rows: list[list[str]]) -> list[tuple[str, ...]]:
    """The columns of some rows, the short ones filled up."""
    return list(zip_longest(*rows, fillvalue=""))


def _read(way: Guess, text: str) -> str:
    """What the text means in one way of reading, canonical."""
    try:
        return way.type.text(way.type.parse(text, way.field(), way.notation), way.field())
    except Invalid:
        return ""


def _reason(best: Guess, text: str) -> str:
    """Why a text cannot be kept as it is."""
    try:
        value = best.type.parse(text, best.field(), best.notation)
    except Invalid as error:
        return str(error).removeprefix("Value ")
    return f"would be kept as {best.type.text(value, best.field())}"


def _described(way: Guess) -> dict[str, Any]:
    word, options = word_of(way.type, way.options)
    return {"type": word, "options": options, "notation": way.notation, "reason": way.reason}


def _asked(one: Question) -> dict[str, Any]:
    """A question as JSON."""
    options = [option._asdict() for option in one.options]
    return {"setting": one.setting, "column": one.column, "text": one.text, "options": options}


def _planned(column: Column) -> PlanColumn:
    best = column.guessed.best
    word, options = word_of(best.type, best.options)
    return PlanColumn(
        column.index, column.heading, column.name, column.heading, word, options, best.notation,
        list(column.guessed.blanks),
    )  # fmt: skip
