"""Workbooks: what a person sees, canonical where it is typed, and what is refused."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import pytest

from app.errors import Invalid
from app.sheets import inspect, open_book


def cells(path, sheet=None):
    with open_book(path) as book:
        return [row for _, row in book.rows(book.sheet(sheet))]


SHOWN = [
    (1234, "00000", "01234"), (123456, "00000", "123456"), (123456789, "000-00-0000", "123-45-6789"),
    (0.125, "0.0%", "12.5%"), (0.07, "0%", "7%"), (1234.5, '"$"#,##0.00', "$1234.5"),
    (-3, "#,##0.00 [$€-407]", "-3 €"), (12.5, '"CHF" #,##0.00', "CHF 12.5"),
    (0.1 + 0.2, "General", "0.3"), (9.8, "General", "9.8"), (1e15, "General", "1000000000000000"),
    (1e-7, "General", "0.0000001"), (5, "0.00", "5"), (-0.5, "General", "-0.5"),
    (True, "General", "TRUE"), (False, "General", "FALSE"), ("  x ", "General", "  x "),
    (dt.date(2026, 2, 3), "dd.mm.yyyy", "2026-02-03"), (dt.datetime(1900, 1, 5), "d/m/yy", "1900-01-05"),
    (dt.datetime(2026, 2, 3, 4, 5, 6), "yyyy-mm-dd h:mm:ss", "2026-02-03T04:05:06"),
    (dt.datetime(2026, 2, 3, 4, 5), "dd.mm.yyyy", "2026-02-03T04:05:00"),
    (dt.time(13, 45), "h:mm", "13:45:00"), (dt.timedelta(hours=37, minutes=30), "[h]:mm", "37:30"),
    (dt.timedelta(hours=1, seconds=5), "[h]:mm", "1:00:05"),
    (-5, "yyyy-mm-dd", "-5"), (60, "yyyy-mm-dd", "60"), (3000000, "yyyy-mm-dd", "3000000"),
]  # fmt: skip


@pytest.mark.parametrize("value, shown, text", SHOWN)
def test_a_cell_is_what_a_person_sees_and_canonical_where_it_is_typed(workbook, value, shown, text):
    assert cells(workbook([(value, shown), "end"])) == [[text, "end"]]


def test_days_counted_from_1904_are_the_days_they_mean(workbook):
    def from_1904(book):
        book.epoch = dt.datetime(1904, 1, 1)

    path = workbook([(dt.date(2026, 2, 3), "yyyy-mm-dd"), (0, "yyyy-mm-dd")], change=from_1904)
    assert cells(path) == [["2026-02-03", "1904-01-01"]]


def test_errors_and_formulas_without_a_result_are_kept_and_listed(workbook):
    path = workbook(["n", "m", "k"], [1, "#DIV/0!", 2], ["#N/A", 2, "=A2+1"])
    found = inspect(path).sheet()
    assert cells(path)[1:] == [["1", "#DIV/0!", "2"], ["#N/A", "2", "=A2+1"]]
    listed = [(one.line, one.column, one.value) for one in found.problems.listed]
    assert listed == [(2, "m", "#DIV/0!"), (3, "n", "#N/A"), (3, "k", "=A2+1")]
    assert [one.guessed.blanks for one in found.columns] == [[], [], []]


def test_hidden_sheets_come_last_and_are_named(workbook):
    def hide(book):
        book.active.sheet_state = "hidden"
        book.create_sheet("Shown")["A1"] = "x"

    with open_book(workbook(["secret"], change=hide)) as book:
        assert [tuple(one) for one in book.sheets] == [("Shown", False), ("Sheet", True)]
        assert book.sheet() == "Shown"
        with pytest.raises(Invalid, match="has no sheet “No”; there are “Shown”, “Sheet”"):
            book.sheet("No")


def test_blank_rows_and_columns_around_the_table_are_left_out(workbook):
    path = workbook(
        [], [], [None, "Name", None, "Age"], [], [None, "Ada", None, 36], [None, "Alan"]
    )
    found = inspect(path).sheet()
    assert (found.header_row, found.rows, found.dropped) == (3, 2, ["A", "C"])
    assert [(one.heading, one.index) for one in found.columns] == [("Name", 1), ("Age", 3)]


def test_escaped_characters_and_rich_text_are_the_text(tmp_path, workbook):
    path = workbook(["_x0041_x_x005F_x0042_"])
    assert cells(path) == [["Ax_x0042_"]]


def repacked(path, change):
    """The workbook with some parts changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    path.write_bytes(out.getvalue())
    return path


def test_a_workbook_that_unpacks_too_far_is_refused(workbook):
    path = repacked(workbook(["a"]), lambda n, b: b + b" " * (1 << 26) * n.endswith("sheet1.xml"))
    with pytest.raises(Invalid, match="would unpack to more"):
        open_book(path)


def test_a_document_type_is_refused(workbook):
    doctype = b'<!DOCTYPE x [<!ENTITY a "b">]>'
    path = repacked(workbook(["a"]), lambda n, b: doctype + b if n.endswith("sheet1.xml") else b)
    with pytest.raises(Invalid, match="document type"):
        open_book(path)


def test_a_cell_far_out_is_refused_at_once(workbook):
    far = b'<c r="XFD1048576" t="n"><v>1</v></c>'
    path = repacked(workbook(["a"]), lambda n, b: b.replace(b"</row>", far + b"</row>"))
    with pytest.raises(Invalid, match="column XFD is beyond"):
        cells(path)


def zipped(**parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return out.getvalue()


ENCRYPTED = (
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
)


@pytest.mark.parametrize("content, words", [
    (b"\x89PNG\r\n\x1a\n", "is a PNG picture, whatever its name says"),
    (b"a,b\n1,2\n", "is not an XLSX workbook"),
    (ENCRYPTED, "protected with a password"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old .xls format"),
    (zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet"), "OpenDocument"),
    (zipped(x="y"), "a packed file, but no workbook"),
    (b"PK\x03\x04broken", "is no workbook that can be read"),
])  # fmt: skip
def test_what_is_no_workbook_is_refused_with_the_reason_and_a_way_out(written, content, words):
    with pytest.raises(Invalid, match=words):
        open_book(written(content, "book.xlsx"))


def test_the_old_format_is_refused(data):
    with pytest.raises(Invalid, match="old .xls format"):
        open_book(data / "excel" / "deaths.xls")
