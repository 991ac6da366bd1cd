"""CSV and the like: encodings, delimiters, odd records, and what is refused."""

from __future__ import annotations

import json

import pytest

from app.errors import Invalid
from app.sheets import inspect, open_book


def rows(path, **options):
    with open_book(path, **options) as book:
        return list(book.rows(book.sheet()))


SPECTRUM = (
    "comma_in_quotes empty empty_crlf escaped_quotes json newlines newlines_crlf "
    "quotes_and_newlines simple simple_crlf utf8"
).split()


@pytest.mark.parametrize("name", SPECTRUM)
def test_every_awkward_file_gives_exactly_what_it_says(data, name):
    folder = data / "csv-spectrum"
    wanted = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    (_, headings), *records = rows(folder / f"{name}.csv")
    found = [dict(zip(headings, cells, strict=True)) for _, cells in records]
    ends = "\r\n" if name == "newlines_crlf" else "\n"  # the file has LF within the quotes
    assert json.loads(json.dumps(found).replace(r"\n", json.dumps(ends)[1:-1])) == wanted


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_unicode_is_read_with_and_without_its_mark(written, encoding):
    path = written("Name,Ort\nJürgen,Köln\nŁukasz,Łódź\n".encode(encoding))
    assert rows(path)[1:] == [(2, ["Jürgen", "Köln"]), (3, ["Łukasz", "Łódź"])]
    assert not inspect(path).sheet().questions


def test_a_legacy_code_page_is_proposed_with_three_cells_and_the_number_of_bytes(written):
    path = written("Name,Ort\nJürgen,Köln\nZoë,Zürich\nAnn,Rome\n".encode("cp1252"))
    found = inspect(path)
    [question] = found.sheet().questions
    assert (found.encoding, question.setting) == ("cp1252", "encoding")
    assert question.text.startswith("4 bytes are not UTF-8")
    assert question.options[0].examples == ["Jürgen", "Köln", "Zoë"]
    assert found.sheet().problems.count == 1
    with open_book(path, "mac-roman") as book:
        assert inspect(book).encoding == "mac-roman"
        assert not inspect(book).sheet().questions


def test_a_replacement_character_is_named(data):
    [problem] = inspect(data / "csv-spectrum" / "location_coordinates.csv").sheet().problems.listed
    assert (problem.line, problem.column) == (2, "Location Coordinates")
    assert "lost" in problem.reason


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_gives_equal_records(written, delimiter):
    cells = [["Name", "Price"], ["a,b;c", "1,5"], ["d|e\tf", "2;5"]]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in cells)
    with open_book(written(text)) as book:
        assert book.delimiter == delimiter
        assert [found for _, found in book.rows(book.sheet())] == cells


def test_the_line_in_which_excel_tells_the_delimiter_is_no_row(written):
    path = written("sep=;\na;b\n1;x,y\n")
    assert rows(path) == [(2, ["a", "b"]), (3, ["1", "x,y"])]


def test_a_row_is_named_by_the_line_it_begins_in(written):
    assert rows(written('a,b\n"x\ny",1\n\nz,2\n')) == [
        (1, ["a", "b"]),
        (2, ["x\ny", "1"]),
        (5, ["z", "2"]),
    ]


def test_rows_of_another_width_are_listed_by_line_and_lose_nothing(written):
    path = written("a,b,c\n1,2,3\n4,5\n6,7,8,9\n10,11,12,\n")
    problems = inspect(path).sheet().problems
    assert [(one.line, one.value) for one in problems.listed] == [(3, ""), (4, "9")]


@pytest.mark.parametrize("content, words", [
    (b"a,b\n1,\x00\n", "line 2: there is a NUL"),
    (b'a,b\n1,"x\n2,y\n', "line 2: a quote is opened and never closed"),
    (b'a,b\n1,"x"y\n', "line 2: after a closing quote"),
    (b"\x89PNG\r\n\x1a\n\0\0", "is a PNG picture"),
    (b"\xff\xfea\x00\x00\xd8", "is not in utf-16"),
    (b"a," * 1_001, "more than 1,000"),
])  # fmt: skip
def test_what_is_no_text_is_refused_with_its_line(written, content, words):
    with pytest.raises(Invalid, match=words):
        rows(written(content))


def test_a_long_cell_is_read(written):
    assert rows(written(f"a,b\n{'x' * 300_000},1\n"))[1][1][0] == "x" * 300_000


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"  \n"])
def test_a_file_with_nothing_in_it_has_no_columns(written, content):
    found = inspect(written(content)).sheet()
    assert (found.columns, found.rows, found.header_row) == ([], 0, None)
