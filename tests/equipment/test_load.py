"""`flask equipment load`: a list that somebody has."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.extensions import db
from app.permissions import SYSTEM
from app.tables import history, records
from blueprints.equipment import loading, services
from blueprints.equipment.models import Item


@pytest.fixture
def load(runner, tmp_path):
    """A function: text or bytes of a file → the result of loading it."""

    def run(content):
        file = tmp_path / "things.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return runner.invoke(args=["equipment", "load", str(file)])

    return run


def stored(app):
    with app.app_context():
        return {item.code: item for item in db.session.scalars(sa.select(Item))}


def test_the_aircraft_of_the_registry_are_loaded_whole_and_once(app, runner, shared_data):
    command = ["equipment", "load", str(shared_data / "planes.csv")]
    result = runner.invoke(args=command)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "3,322 rows: 3,322 added, 0 refused.\n"
    items = stored(app)
    assert len(items) == 3_322
    plane = items["N10156"]
    assert (plane.name, plane.maker, plane.model) == ("EMBRAER EMB-145XR", "EMBRAER", "EMB-145XR")
    assert (plane.kind, plane.year) == ("Fixed wing multi engine", 2004)
    assert plane.note == "engines: 2, seats: 55, engine: Turbo-fan"
    again = runner.invoke(args=command)
    assert again.exit_code == 1
    assert "3,322 rows: 0 added, 3,322 refused." in again.stdout
    assert len(stored(app)) == 3_322


def test_rows_that_cannot_be_stored_are_listed_with_line_and_reason_and_the_rest_is_loaded(
    app, load
):
    result = load(
        "code,year,name\n"  # 1
        "A1,2001,One\n"  # 2
        ",2002,Two\n"  # 3
        "A3,soon,Three\n"  # 4
        "A1,2004,Four\n"  # 5
        "\n"
        'A7,2007,"two\nlines"\n'  # 7 and 8
        "A9,99,Nine\n"
        "A10,2010,Ten,more of it\n"
        f"A11,,{'x' * 121}\n"
    )
    assert result.exit_code == 0
    assert result.stdout == "8 rows: 2 added, 6 refused.\n"
    lines = dict(line.split(": ", 1) for line in result.stderr.splitlines())
    assert list(lines) == ["line 3", "line 4", "line 5", "line 7", "line 9", "line 11"]
    assert lines["line 3"] == "Code must not be empty"
    assert lines["line 4"] == "Year must be a whole number like 1200"
    assert lines["line 5"] == "the code A1 is taken by line 2"
    assert "1,800" in lines["line 9"] or "1800" in lines["line 9"]
    assert lines["line 11"] == "Name can have up to 120 characters; this has 121"
    assert stored(app)["A10"].note == "more: more of it"


def test_a_code_that_is_in_the_database_is_refused(app, load, camera):
    result = load("code,name\nCAM-001,Another\n")
    assert result.exit_code == 1
    assert "line 2: the code CAM-001 is taken by another item" in result.stderr
    assert stored(app)["CAM-001"].name == "Camera"


@pytest.mark.parametrize(
    "header", ["Tail-Num", "tailnum", " CODE ", "Serial Number", "asset_tag", "ID"]
)
def test_headings_for_the_code_are_found_whatever_their_spelling(app, load, header):
    assert load(f"year,{header}\n2001,A1\n").exit_code == 0
    assert stored(app)["A1"].year == 2001


def test_what_no_field_is_made_for_is_kept_in_the_note(app, load):
    load("code,Notes,Room,type,category,weight\nA1,Fragile,12,Camera,Optics,NA\n")
    item = stored(app)["A1"]
    assert item.kind == "Camera"
    assert item.note == "Fragile, Room: 12, category: Optics"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_are_read_in_the_encodings_that_programs_write(app, load, encoding):
    assert load("code;name\r\nA1;Säge\r\n".encode(encoding)).exit_code == 0
    assert stored(app)["A1"].name == "Säge"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "No column holds the code. One of these headings works: code, tailnum"),
        ("name,year\nx,2001\n", "One of these headings works: code, tailnum"),
        ("code,name\n", "Nothing was added"),
        ('code,name\nA1,"' + "x" * 200_000, "line 2"),
    ],
)
def test_a_file_that_gives_nothing_ends_with_one_line_that_says_why(app, load, content, words):
    result = load(content)
    assert result.exit_code == 1
    assert words in result.stderr.splitlines()[-1]
    assert not stored(app)


def test_a_file_that_is_missing_is_named(runner):
    result = runner.invoke(args=["equipment", "load", "nowhere.csv"])
    assert result.exit_code == 2 and "nowhere.csv" in result.stderr


def test_what_is_loaded_is_in_the_history_of_each_item(context, load):
    load("code\nA1\nA2\n")
    changes = history.of_table(SYSTEM, services.table(SYSTEM, "item"))
    assert [(one.action, one.person, one.data["code"]) for one in changes] == [
        ("create", SYSTEM.name, [None, code]) for code in ("A2", "A1")
    ]  # fmt: skip


def test_rows_are_written_in_blocks_and_memory_does_not_grow_with_the_file(
    context, tmp_path, monkeypatch
):
    blocks = []
    monkeypatch.setattr(records, "save_many", lambda _who, _live, rows: blocks.append(len(rows)))
    peak(
        tmp_path, 500
    )  # what is made at the first use, such as compiled statements, is not the file's
    few, blocks[:] = peak(tmp_path, 1_500), []
    assert peak(tmp_path, 6_250) < few * 1.5
    assert blocks == [loading.BLOCK] * 12 + [250]


def peak(folder: Path, rows: int) -> int:
    """Bytes in use at most while so many rows are loaded."""
    file = folder / "items.csv"
    lines = "".join(f"A{number},{'x' * 1_900}\n" for number in range(rows))
    file.write_text("code,note\n" + lines, encoding="utf-8")
    tracemalloc.start()
    try:
        for _ in loading.load(SYSTEM, file):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
