"""`flask equipment load`: a spreadsheet somebody has, as CSV."""

from __future__ import annotations

import tracemalloc

import pytest
import sqlalchemy as sa

from app.errors import Conflict
from app.extensions import db
from app.permissions import SYSTEM
from blueprints.equipment import loading
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


def test_the_aircraft_of_the_registry_are_loaded_whole(app, runner, shared_data):
    result = runner.invoke(args=["equipment", "load", str(shared_data / "planes.csv")])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "3,322 rows: 3,322 added, 0 refused.\n"
    items = stored(app)
    assert len(items) == 3_322
    plane = items["N10156"]
    assert (plane.name, plane.maker, plane.model) == ("EMBRAER EMB-145XR", "EMBRAER", "EMB-145XR")
    assert (plane.kind, plane.year) == ("Fixed wing multi engine", 2004)
    assert plane.note == "engines: 2, seats: 55, engine: Turbo-fan"


def test_loading_the_same_file_again_adds_nothing(app, runner, shared_data):
    command = ["equipment", "load", str(shared_data / "planes.csv")]
    runner.invoke(args=command)
    again = runner.invoke(args=command)
    assert again.exit_code == 1
    assert "3,322 rows: 0 added, 3,322 refused." in again.stdout
    assert len(stored(app)) == 3_322


def test_bad_rows_are_listed_with_line_and_reason_and_the_rest_is_loaded(app, load):
    result = load(
        "code,year,name\n"  # 1
        "A1,2001,One\n"  # 2
        ",2002,Two\n"  # 3
        "A3,soon,Three\n"  # 4
        "A1,2004,Four\n"  # 5
        "\n"
        'A7,2007,"two\nlines"\n'  # 7 and 8
        "A9,99,Nine\n"
        "A10,2010,Ten,more\n"
        f"A11,,{'x' * 121}\n"
        "NA,2012,Twelve\n"
    )
    assert result.exit_code == 0
    assert result.stdout == "9 rows: 2 added, 7 refused.\n"
    assert result.stderr.splitlines() == [
        "line 3: Code must not be empty",
        "line 4: the year “soon” is not a number like 2019",
        "line 5: the code A1 is taken by line 2",
        "line 9: Year must be from 1800 to 2100",
        "line 10: 4 cells, where the header has 3",
        "line 11: Name must be 120 characters or fewer, not 121",
        "line 12: Code must not be empty",
    ]
    assert set(stored(app)) == {"A1", "A7"}


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


def test_a_file_that_excel_has_saved_as_utf_8_is_read(app, load):
    assert load("\ufeffcode,name\r\nÄ1,Säge\r\n".encode()).exit_code == 0
    assert stored(app)["Ä1"].name == "Säge"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "No column holds the code. One of these headings works: code, tailnum"),
        ("name,year\nx,2001\n", "One of these headings works: code, tailnum"),
        ("code,name\n", "Nothing was added"),
        ("code,name\nA1,S\xe4ge\n".encode("latin-1"), "is not in UTF-8"),
        ("code,name\nA1," + "x" * 200_000, "Line 2 is not CSV"),
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


def test_rows_are_written_in_batches_of_2_000_at_most(context, monkeypatch):
    batches = []
    monkeypatch.setattr(loading, "_add", lambda batch: batches.append(len(batch)) or [])
    loading.load(SYSTEM, lines(4_500), print)
    assert batches == [2_000, 2_000, 500]


def test_memory_does_not_grow_with_the_file(context, monkeypatch):
    monkeypatch.setattr(loading, "BATCH", 50)
    monkeypatch.setattr(loading, "_add", lambda batch: [])
    peak(2_000)  # what is made at the first use, such as compiled statements, is not the file's
    assert peak(2_000) < peak(200) * 1.5


def lines(rows):
    yield "code,name\n"
    for number in range(rows):
        yield f"A{number},{'x' * 100}\n"


def peak(rows):
    """Bytes in use at most while so many rows are loaded."""
    tracemalloc.start()
    try:
        loading.load(SYSTEM, lines(rows), print)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_somebody_adding_the_same_codes_meanwhile_is_a_conflict(
    context, actor, camera, monkeypatch
):
    monkeypatch.setattr(loading, "_taken", lambda codes: {})
    with pytest.raises(Conflict, match="Load the file again"):
        loading.load(SYSTEM, ["code\n", "B1\n", "CAM-001\n"], print)
    assert set(stored(context)) == {"CAM-001"}
