"""CSV, TSV and the like: which encoding, which delimiter, and then Python's csv module, strictly."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from app.errors import Invalid
from app.sheets.book import MOST_COLUMNS, Book, Note, Option, Question, Sheet

BLOCK = 1 << 20
SAMPLE = 1 << 17
LONGEST_CELL = 10_000_000
"""Characters; a longer cell is a quote that was never closed."""
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
LEGACY = ("cp1252", "cp1250", "cp1251", "cp850", "mac-roman", "latin-1")
"""Code pages of the time before Unicode, the likeliest first."""
DELIMITERS = ",;\t|"
CONTROLS = re.compile("[\x80-\x9f]")
NOT_ASCII = bytes(range(128, 256))


class TextBook(Book):
    """A text file with one record a line; a record may go on over lines within quotes."""

    kind = "csv"

    def __init__(
        self, path: Path, encoding: str | None = None, delimiter: str | None = None
    ) -> None:
        super().__init__(path)
        self.sheets = [Sheet(path.stem)]
        self.encoding = encoding or self._encoding()
        self._must_decode(self.encoding)
        self.begin, told = self._told_delimiter()
        self.delimiter = delimiter or told or _delimiter(self._sample())
        if not encoding and self.encoding in LEGACY:
            self._ask_encoding()

    def rows(self, sheet: str, note: Note | None = None) -> Iterator[tuple[int, list[str]]]:
        csv.field_size_limit(LONGEST_CELL)
        with self._open() as file:
            lines = islice(file, self.begin, None)
            reader = csv.reader(lines, delimiter=self.delimiter or ",", strict=True)
            yield from self._records(reader)

    def _records(self, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
        line, begin = 1 + self.begin, self.begin
        try:
            for cells in reader:
                if len(cells) > MOST_COLUMNS:
                    raise csv.Error(f"it has more than {MOST_COLUMNS:,} cells")
                if cells:
                    yield line, cells
                line = reader.line_num + 1 + begin  # type: ignore[attr-defined]
        except csv.Error as error:
            reason = _words(str(error), self.delimiter or ",")
            raise Invalid(f"{self.path.name}, line {line:,}: {reason}") from None

    def _open(self, encoding: str | None = None) -> io.TextIOWrapper:
        return self.path.open(encoding=encoding or self.encoding, newline="")

    # Encoding --------------------------------------------------------------------------------

    def _encoding(self) -> str:
        with self.path.open("rb") as file:
            head = file.read(4096)
        for mark, encoding in MARKS:
            if head.startswith(mark):
                return encoding
        if wide := _without_mark(head):
            return wide
        tried = ("utf-8", *LEGACY)
        return next(one for one in tried if self._decodes(one, controls=one == "latin-1"))

    def _decodes(self, encoding: str, controls: bool) -> bool:
        """Whether the whole file is in this encoding, a legacy one without control characters."""
        try:
            with self._open(encoding) as file:
                return (
                    encoding == "utf-8"
                    and self._drained(file)
                    or all(controls or not CONTROLS.search(block) for block in _blocks(file))
                )
        except UnicodeDecodeError:
            return False

    def _drained(self, file: io.TextIOWrapper) -> bool:
        for _ in _blocks(file):
            pass
        return True

    def _must_decode(self, encoding: str) -> None:
        """Raises Invalid where the file is not in the encoding that its mark or a person says, or is no text."""
        line = 1
        try:
            with self._open(encoding) as file:
                for block in _blocks(file):
                    before, nul, _ = block.partition("\0")
                    line += before.count("\n")
                    if nul:
                        words = "there is a NUL character; this is no text."
                        raise Invalid(f"{self.path.name}, line {line:,}: {words}")
        except (UnicodeError, LookupError) as error:
            reason = getattr(error, "reason", "there is no such encoding")
            raise Invalid(f"{self.path.name} is not in {encoding}: {reason}") from None

    def _ask_encoding(self) -> None:
        """One question and one problem: what stands in for letters beyond ASCII is a guess."""
        cells, encoding = self._beyond_ascii(), str(self.encoding)
        words = f"{self._foreign_bytes():,} bytes are not UTF-8, which are read as {encoding}"
        options = [
            Option(one, one, read)
            for one in (encoding, *LEGACY)
            if (read := _reread([cell for _, cell in cells], encoding, one))
        ]
        distinct = {option.value: option for option in options}
        self.questions.append(Question("encoding", words, list(distinct.values())))
        self.problems.add(cells[0][0] if cells else 1, "", cells[0][1] if cells else "", words)

    def _beyond_ascii(self) -> list[tuple[int, str]]:
        rows = self.rows(self.sheets[0].name)
        cells = ((line, cell) for line, cells in rows for cell in cells if not cell.isascii())
        return list(islice(cells, 3))

    def _foreign_bytes(self) -> int:
        with self.path.open("rb") as file:
            blocks = iter(lambda: file.read(BLOCK), b"")
            return sum(len(one) - len(one.translate(None, NOT_ASCII)) for one in blocks)

    # Delimiter -------------------------------------------------------------------------------

    def _sample(self) -> str:
        with self._open() as file:
            for _ in range(self.begin):
                file.readline()
            return file.read(SAMPLE)

    def _told_delimiter(self) -> tuple[int, str]:
        """Lines to skip, and the delimiter, where the first line tells it as Excel has it: `sep=;`."""
        with self._open() as file:
            found = re.fullmatch('"?sep=(.)"?', file.readline(100).rstrip("\r\n"))
        return (1, found[1]) if found else (0, "")


def _blocks(file: io.TextIOWrapper) -> Iterator[str]:
    return iter(lambda: file.read(BLOCK), "")


def _without_mark(head: bytes) -> str:
    """UTF-16 without its mark: every other byte of what is mostly ASCII is 0."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2 if len(head) >= 8 else 0
    if half and even == 0 and odd > half * 0.7:
        return "utf-16-le"
    return "utf-16-be" if half and odd == 0 and even > half * 0.7 else ""


def _reread(cells: list[str], encoding: str, other: str) -> list[str]:
    """The cells in another encoding, none where they cannot be."""
    try:
        return [cell.encode(encoding).decode(other)[:80] for cell in cells]
    except UnicodeError:
        return []


def _delimiter(sample: str) -> str:
    """The one that gives the most equal widths of records, quotes respected."""
    return max(DELIMITERS, key=lambda one: (*_evenness(sample, one), -DELIMITERS.index(one)))


def _evenness(sample: str, delimiter: str) -> tuple[float, int]:
    """The share of records of the usual width, and that width; nothing where it is one cell."""
    csv.field_size_limit(LONGEST_CELL)
    try:
        records = list(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter))
    except csv.Error:
        return 0.0, 0
    widths = Counter(len(cells) for cells in records[:-1] or records if any(cells))
    (usual, times), *_ = widths.most_common(1) or [(0, 0)]
    return (times / widths.total(), usual) if usual > 1 else (0.0, 0)


def _words(error: str, delimiter: str) -> str:
    """What csv says, as a person would."""
    if "expected after" in error:
        return (
            f"after a closing quote there is something else than {delimiter!r} or the line's end."
        )
    if "end of data" in error or "field limit" in error:
        return "a quote is opened and never closed."
    return f"{error}."
