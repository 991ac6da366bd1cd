"""XLSX: openpyxl reads the workbook and its styles, the sheets are streamed here.

openpyxl's own reader gives values without how they were written: a serial number that is no date
becomes `#VALUE!`, and the escapes of control characters are lost. Standard: ECMA-376, part 1, 18.3.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

from app.errors import Invalid
from app.sheets.book import MOST_COLUMNS, Book, Note, Sheet
from app.sheets.formats import shown_by

LARGEST, LARGEST_PART, LARGEST_STRINGS = 2 << 30, 16 << 20, 256 << 20
MOST_PACKED, UNSUSPECTED = 150, 16 << 20
"""How far a file may unpack: no honest workbook above 16 MB reaches 150 times its size."""
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
UNCOUNTED = "is a formula without a stored result; open the file in Excel and save it"

BROKEN = (
    ElementTree.ParseError, zipfile.BadZipFile, zlib.error, LookupError, ValueError, EOFError, RuntimeError,
)  # fmt: skip
"""What reading a damaged workbook may raise."""

Show = Callable[[str], str]


class XlsxBook(Book):
    """A workbook. Formulas are read as their stored results."""

    kind = "xlsx"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.file = path.open("rb")
        try:
            self._load()
        except Invalid:
            self.file.close()
            raise
        except Exception as error:  # whatever a broken file makes of zipfile, XML or openpyxl
            self.file.close()
            raise Invalid(
                f"{path.name} is no workbook that can be read ({error}). Save it again as XLSX."
            ) from None

    def _load(self) -> None:
        from openpyxl.reader.excel import ExcelReader, _find_workbook_part
        from openpyxl.styles.stylesheet import apply_stylesheet

        self.archive = zipfile.ZipFile(self.file)
        self._check()
        reader = ExcelReader(self.file, read_only=True, data_only=True, keep_links=False)
        reader.read_manifest()
        self._check_size(_find_workbook_part(reader.package).PartName[1:])
        reader.read_workbook()
        apply_stylesheet(reader.archive, reader.wb)
        self.shows = [_shown(reader.wb, style) for style in reader.wb._cell_styles]
        self.parts = {
            sheet.name: (rel.target, sheet.state != "visible")
            for sheet, rel in reader.parser.find_sheets()
            if "chartsheet" not in rel.Type
        }
        sheets = [Sheet(name, hidden) for name, (_, hidden) in self.parts.items()]
        self.sheets = sorted(sheets, key=lambda one: one.hidden)
        self.strings_part = getattr(reader.package.find(_STRINGS), "PartName", "")[1:]
        self._strings: list[str] | None = None
        if not self.sheets:
            raise Invalid(f"{self.path.name} has no sheet with cells.")

    def close(self) -> None:
        self.archive.close()
        self.file.close()

    def _check(self) -> None:
        """Raises Invalid for what is another kind of file, or made to do harm."""
        parts = self.archive.infolist()
        names = {one.filename for one in parts}
        if _unpacks_too_far(parts):
            raise Invalid(f"{self.path.name} would unpack to more than this app reads.")
        if "[Content_Types].xml" not in names:
            ods = "mimetype" in names and b"opendocument" in self.archive.read("mimetype")[:200]
            what = "an OpenDocument sheet" if ods else "a packed file, but no workbook"
            raise Invalid(
                f"{self.path.name} is {what}. Save it as “Excel workbook (.xlsx)” or CSV."
            )
        for one in parts:
            self._refuse_doctype(one.filename)

    def _check_size(self, workbook: str) -> None:
        """The part that lists the sheets may have any name."""
        if self.archive.getinfo(workbook).file_size > LARGEST_PART:
            raise Invalid(f"{self.path.name} would unpack to more than this app reads.")

    def _refuse_doctype(self, name: str) -> None:
        """A workbook has none; it is the way to entities that blow up."""
        if name.endswith((".xml", ".rels")):
            with self.archive.open(name) as part:
                if b"<!DOCTYPE" in part.read(4096).replace(b"\0", b"").upper():
                    raise Invalid(
                        f"{self.path.name} declares a document type, as no workbook does."
                    )

    # Cells -----------------------------------------------------------------------------------

    def strings(self) -> list[str]:
        """The texts that cells point to."""
        if self._strings is None:
            self._strings = []
            if self.strings_part:
                with self.archive.open(self.strings_part) as part:
                    self._strings = list(map(_plain, _elements(part, "si", "sst")))
        return self._strings

    def rows(self, sheet: str, note: Note | None = None) -> Iterator[tuple[int, list[str]]]:
        line = 0
        try:
            strings = self.strings()
            with self.archive.open(self.parts[sheet][0]) as part:
                for row in _elements(part, "row", "sheetData"):
                    line = int(row.get("r") or line + 1)
                    if cells := self._cells(row, line, strings, note):
                        yield line, cells
        except BROKEN as error:
            words = f"{self.path.name}, sheet “{sheet}”, after line {line:,}: {error}"
            raise Invalid(words) from None

    def _cells(self, row: Any, line: int, strings: list[str], note: Note | None) -> list[str]:
        cells: list[str] = []
        for cell in row:
            place = cell.get("r")
            index = _index(place.rstrip("0123456789")) if place else len(cells)
            text = self._text(cell, strings)
            if note:
                _note_damage(cell, text, line, index, note)
            if text:
                cells += [""] * (index - len(cells))
                cells[index:] = [text]
        return cells

    def _text(self, cell: Any, strings: list[str]) -> str:
        kind, raw = cell.get("t", "n"), ""
        for child in cell:
            tag = child.tag.rpartition("}")[2]
            if tag == "v":
                raw = child.text or ""
            elif tag == "is":
                return _plain(child)
        if not raw:
            return _formula(cell)
        if kind == "n":
            return self.shows[int(cell.get("s", 0))](raw) if self.shows else raw
        if kind == "s":
            return strings[int(raw)]
        if kind == "b":
            return "TRUE" if raw in ("1", "true") else "FALSE"
        return _unescaped(raw)


_STRINGS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


def _shown(workbook: Any, style: Any) -> Show:
    """How numbers of a style are shown."""
    from openpyxl.styles.numbers import (
        BUILTIN_FORMATS,
        BUILTIN_FORMATS_MAX_SIZE,
    )

    number = style.numFmtId
    own = workbook._number_formats
    own_number = number - BUILTIN_FORMATS_MAX_SIZE
    code = own[own_number] if 0 <= own_number < len(own) else BUILTIN_FORMATS.get(number)
    return shown_by(code or "General", workbook.epoch.year == 1904)


def _unpacks_too_far(parts: list[zipfile.ZipInfo]) -> bool:
    """zipfile reads no part beyond the size that it declares, so that these can be trusted."""
    whole, packed = sum(one.file_size for one in parts), sum(one.compress_size for one in parts)
    if whole > LARGEST or whole > UNSUSPECTED and whole > packed * MOST_PACKED:
        return True
    return any(one.file_size > _largest(one.filename) for one in parts)


def _largest(name: str) -> int:
    """Sheets are streamed, texts are held as a list, and of some parts openpyxl makes a tree."""
    if name.endswith("sharedStrings.xml"):
        return LARGEST_STRINGS
    tree = name.endswith((".rels", "workbook.xml", "styles.xml", "[Content_Types].xml"))
    return LARGEST_PART if tree else LARGEST


def _elements(part: IO[bytes], tag: str, parent: str) -> Iterator[Any]:
    """Each element with this tag; what has been read is let go of."""
    tags = {MAIN + tag, STRICT + tag}
    parents, holder = {MAIN + parent, STRICT + parent}, None
    for event, element in ElementTree.iterparse(part, ("start", "end")):
        if event == "start":
            if element.tag in parents:
                holder = element
        elif element.tag in tags:
            yield element
            if holder is not None:
                holder.clear()


@cache
def _index(letters: str) -> int:
    """The place, from 0, of the column with these letters. Raises ValueError where it is too far out."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    if not 0 < number <= MOST_COLUMNS:
        raise ValueError(f"column {letters} is beyond the {MOST_COLUMNS:,} that are read")
    return number - 1


def _plain(element: Any) -> str:
    """The text of a string with or without formats, without how it is pronounced."""
    found = []
    for child in element:
        tag = child.tag.rpartition("}")[2]
        if tag == "t":
            found.append(child.text or "")
        elif tag == "r":
            found += [one.text or "" for one in child if one.tag.endswith("}t")]
    return _unescaped("".join(found))


def _unescaped(text: str) -> str:
    """Characters that XML cannot have are written `_x0007_` (ECMA-376, ST_Xstring)."""
    return ESCAPED.sub(lambda one: chr(int(one[1], 16)), text) if "_x" in text else text


def _formula(cell: Any) -> str:
    """The formula itself where its result was never stored; empty where the cell is."""
    formula = next((one for one in cell if one.tag.endswith("}f")), None)
    empty = cell.get("t") == "str"  # a result, which is the empty text
    return "" if formula is None or empty else f"={formula.text or ''}"


def _note_damage(cell: Any, text: str, line: int, index: int, note: Note) -> None:
    if cell.get("t") == "e" and text:
        note(line, index, text, "is an error of the spreadsheet, kept as its text")
    elif text.startswith("=") and _formula(cell):
        note(line, index, text, UNCOUNTED)
