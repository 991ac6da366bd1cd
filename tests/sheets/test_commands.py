"""`flask sheet …` on files."""

from __future__ import annotations

import csv
import json

import pytest
from flask import Flask

from app.sheets.commands import group


@pytest.fixture
def sheet():
    """Runs `flask sheet …`, which needs no database."""
    app = Flask(__name__)
    app.config["ROUNDTRIP_TIMEZONE"] = "UTC"
    app.cli.add_command(group)

    def run(*words):
        return app.test_cli_runner().invoke(args=["sheet", *map(str, words)])

    return run


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_inspect_tells_a_program_all_it_promises(sheet, written):
    path = written("Name;Price\nÄpfel;1,50\nBirnen;2,75\n".encode("cp1252"))
    found = json.loads(sheet("inspect", path, "--json").output)
    assert (found["encoding"], found["delimiter"]) == ("cp1252", ";")
    [one] = found["sheets"]
    assert (one["name"], one["header_row"], one["rows"]) == ("table", 1, 2)
    assert [(c["heading"], c["name"], c["type"]) for c in one["columns"]] == [
        ("Name", "name", "text"), ("Price", "price", "decimal"),
    ]  # fmt: skip
    assert all(column["reason"] for column in one["columns"])
    assert [question["setting"] for question in one["questions"]] == ["encoding"]
    assert one["problems"][0]["line"] == 2


def test_inspect_tells_a_person_in_a_few_lines(sheet, data):
    lines = sheet("inspect", data / "northwind" / "products.csv").output.splitlines()
    assert lines[:2] == ["encoding utf-8, delimiter ','", "products: 77 rows, header in line 1"]
    assert lines[-1].startswith("  Discontinued (discontinued): yes-no, because")


@pytest.mark.parametrize("words, told", [
    (["--sheet", "No"], "has no sheet “No”"),
    ([], "is a PNG picture"),
])  # fmt: skip
def test_inspect_ends_in_one_line_on_bad_input(sheet, written, workbook, words, told):
    path = workbook(["a"]) if words else written(b"\x89PNG", "x.csv")
    found = sheet("inspect", path, *words)
    assert found.exit_code == 1
    assert told in found.stderr
    assert found.stderr.count("\n") == 1


def test_read_writes_what_would_be_stored(sheet, workbook, tmp_path):
    path = workbook(
        ["Code", "Price", "Due", "Paid", "Note"],
        [
            (7, "000"),
            (1234.5, "#,##0.00 [$€-407]"),
            (45_000, "dd.mm.yyyy"),
            True,
            "=not\na formula",
        ],
        [(12, "000"), (2, "#,##0.00 [$€-407]"), (45_001, "dd.mm.yyyy"), False, None],
        change=lambda book: setattr(book.active["E2"], "data_type", "s"),
    )
    assert sheet("read", path, "-o", tmp_path / "out.csv").exit_code == 0
    assert read(tmp_path / "out.csv") == [
        ["Code", "Price", "Due", "Paid", "Note"],
        ["007", "1234.5", "2023-03-15", "true", "=not\na formula"],
        ["012", "2", "2023-03-16", "false", ""],
    ]


def test_read_names_files_and_one_bad_file_does_not_stop_the_others(sheet, written, tmp_path):
    good, bad, empty = (
        written("a,b\n1,2\n", "ä b.csv"),
        written(b"a\0", "bad.csv"),
        written("", "e.csv"),
    )
    found = sheet("read", bad, empty, good, "--output-dir", tmp_path / "new" / "out")
    assert found.exit_code == 1
    assert "bad.csv, line 1: there is a NUL" in found.stderr
    assert "e.csv: there is nothing in it" in found.stderr
    assert read(tmp_path / "new" / "out" / "ä b.csv") == [["a", "b"], ["1", "2"]]
    assert (tmp_path / "new" / "out" / "e.csv").read_bytes() == b""
    assert not (tmp_path / "new" / "out" / "bad.csv").exists()


def test_read_takes_the_first_visible_sheet_or_the_one_that_is_named(sheet, workbook, tmp_path):
    def more(book):
        book.active.sheet_state = "hidden"
        for name in ("First", "a: b".replace(":", " &")):
            book.create_sheet(name).append([f"in {name}"])

    path = workbook(["hidden"], change=more)
    sheet("read", path, "--output-dir", tmp_path / "out")
    sheet("read", path, "--output-dir", tmp_path / "out", "--sheet", "a & b")
    assert read(tmp_path / "out" / "book.csv") == [["in First"]]
    assert read(tmp_path / "out" / "book-a & b.csv") == [["in a & b"]]


def test_read_leaves_no_half_of_a_file_behind(sheet, written, tmp_path):
    path = written("a,b\n" + "1,2\n" * 5_000 + 'x,"y\n')
    assert sheet("read", path, "-o", tmp_path / "out.csv").exit_code == 1
    assert not (tmp_path / "out.csv").exists()


def test_read_keeps_a_cell_that_is_refused_and_names_it(sheet, written, tmp_path):
    found = sheet("read", written("a,b\n1,bell\x07\n2,c,d\n"), "-o", tmp_path / "out.csv")
    assert found.exit_code == 0
    assert "table.csv, line 2, b: “bell\ufffd”" in found.stderr
    assert "table.csv, line 3: “d” the row has 3 cells" in found.stderr
    assert read(tmp_path / "out.csv")[1:] == [["1", "bell\x07"], ["2", "c"]]


@pytest.mark.parametrize("words", [[], ["-o", "x.csv", "--output-dir", "y"]])
def test_read_asks_for_one_place_to_write_to(sheet, written, words):
    assert sheet("read", written("a\n1\n"), *words).exit_code == 2


def test_read_does_not_write_two_files_to_one_name(sheet, written, workbook, tmp_path):
    words = [written("a\n1\n", "book.csv"), workbook(["a"]), "--output-dir", tmp_path / "out"]
    assert sheet("read", *words).exit_code == 2
    assert sheet("read", *words[:2], "-o", tmp_path / "x.csv").exit_code == 2


@pytest.mark.parametrize(
    "name", ["categories", "customers", "employees", "orders", "products", "suppliers"]
)
def test_read_gives_the_same_for_csv_and_workbook(sheet, data, tmp_path, name):
    folder = data / "northwind"
    sheet("read", folder / f"{name}.csv", "-o", tmp_path / "a.csv")
    sheet("read", folder / "northwind.xlsx", "--sheet", name.title(), "-o", tmp_path / "b.csv")
    assert read(tmp_path / "a.csv") == read(tmp_path / "b.csv")
    assert len(read(tmp_path / "a.csv")) > 5
