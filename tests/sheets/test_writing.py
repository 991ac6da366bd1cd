"""Export, then import: every value comes back, and no spreadsheet takes a text for a formula."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.errors import Invalid
from app.fields import Field, named
from app.fields.lanes import lane
from app.sheets import (
    Plan,
    PlanColumn,
    csv_lines,
    inspect,
    json_array,
    open_book,
    read_rows,
    xlsx_file,
)
from app.sheets.guard import DANGEROUS, guarded, unguarded
from tests.core import laws

MARKED = st.text(st.sampled_from("'=+-@\t\r\n＝a1 "), max_size=6)
NUL = "\0"


@given(st.one_of(MARKED, st.text(max_size=20)))
def test_the_guard_can_be_taken_off_and_touches_only_what_is_dangerous(text):
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n", "＝")
    if not DANGEROUS.match(text):
        assert guarded(text) == unguarded(text) == text


def plan_for(field: Field, path, notation="") -> Plan:
    """How an export of one field is read back into it."""
    with open_book(path) as book:
        text = book.kind == "csv"
        column = PlanColumn(0, field.label, field.name, field.label, notation=notation)
        return Plan(book.sheet(), 1, book.encoding, book.delimiter, text, 2, [column])


def read_back(field: Field, path, notation="") -> list:
    plan = plan_for(field, path, notation)
    with open_book(path, plan.encoding, plan.delimiter) as book:
        return [row.values[0] for row in read_rows(book, plan, [field])]


PAD = Field("pad", "pad", "Pad", named("integer")[0])


@pytest.mark.parametrize("field", laws.FIELDS, ids=laws.NAMES)
@given(data=st.data())
def test_csv_gives_every_value_of_every_type_back(field, data, tmp_path_factory):
    values = data.draw(st.lists(laws.values(field), min_size=1, max_size=4))
    path = tmp_path_factory.mktemp("csv") / "export.csv"
    rows = [(value, 1) for value in values]
    path.write_bytes(b"".join(csv_lines(["Value", "Pad"], rows, [field, PAD])))
    assert read_back(field, path) == values


@pytest.mark.parametrize("field", laws.FIELDS, ids=laws.NAMES)
def test_a_workbook_gives_the_example_of_every_type_back(field, tmp_path):
    value = field.type.parse(field.type.example_of(field), field)
    path = xlsx_file(tmp_path / "b.xlsx", ["Value", "Pad"], [field, PAD], [(value, 1), (None, 2)])
    found = inspect(path).sheet().columns[0].guessed.best
    assert read_back(field, path, found.notation) == [value, None]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_a_workbook_keeps_every_text_exactly(tmp_path_factory, texts):
    assume(
        all(
            text.isprintable() or not any(0xD800 <= ord(one) < 0xE000 for one in text)
            for text in texts
        )
    )
    field = Field("t", "t", "T", named("text")[0])
    path = xlsx_file(
        tmp_path_factory.mktemp("x") / "b.xlsx", ["T", "Pad"], [field, PAD], [(t, 1) for t in texts]
    )
    with open_book(path) as book:
        assert [cells[0] for _, cells in book.rows(book.sheet())][1:] == texts


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "＝1",
    "'=1",
    "''-x",
    "'quoted'",
    "#DIV/0!",
    "_x0041_",
    "007",
]


def test_texts_that_look_like_formulas_come_back_through_csv_and_are_asked_about(tmp_path):
    field = Field("note", "note", "-Note", named("text")[0])
    path = tmp_path / "export.csv"
    path.write_bytes(
        b"".join(csv_lines(["-Note", "Pad"], [(one, 1) for one in FORMULAS], [field, PAD]))
    )
    cells = [
        row[0] for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    ]
    assert not [one for one in cells if one[0] in "=+-@\t＝"]
    with open_book(path) as book:
        found = inspect(book)
        assert [one.setting for one in found.sheet().questions] == ["guarded"]
        assert found.sheet().columns[0].heading == "-Note"
        assert [row.values[0] for row in read_rows(book, found.plan())] == [
            one.strip() for one in FORMULAS
        ]


def test_a_workbook_holds_no_formula_and_no_error(tmp_path):
    from openpyxl import load_workbook

    field = Field("note", "note", "Note", named("text")[0])
    path = xlsx_file(tmp_path / "b.xlsx", ["=A1"], [field], [(one,) for one in FORMULAS])
    assert {cell.data_type for row in load_workbook(path).active.rows for cell in row} == {"s"}
    assert not inspect(path).sheet().problems.count
    with open_book(path) as book:
        assert [cells[0] for _, cells in book.rows(book.sheet())][1:] == FORMULAS


TYPED = [
    ("integer", {}, 12, 12, "n"), ("decimal", {}, Decimal("1.50"), 1.5, "n"),
    ("percent", {}, Decimal("12.5"), 0.125, "n"), ("money", {}, Decimal("2.25"), 2.25, "n"),
    ("date", {}, date(2026, 1, 2), datetime(2026, 1, 2), "d"), ("yes-no", {}, True, True, "b"),
    ("date-time", {}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5), "d"),
    ("time", {}, time(3, 4), time(3, 4), "d"), ("date", {}, date(1850, 1, 2), "1850-01-02", "s"),
    ("code", {}, "007", "007", "s"), ("duration", {}, timedelta(hours=30), timedelta(hours=30), "d"),
    ("auto-number", {}, 7, 7, "n"), ("auto-number", {"prefix": "=A", "digits": 3}, 7, "=A007", "s"),
    ("multi-choice", {"choices": ["=a", "b"]}, ("=a", "b"), "=a, b", "s"),
]  # fmt: skip


@pytest.mark.parametrize("word, options, value, cell, kind", TYPED)
def test_numbers_and_dates_are_typed_cells(tmp_path, word, options, value, cell, kind):
    from openpyxl import load_workbook

    one, implied = named(word)
    field = Field("v", "v", "V", one, options={**implied, **options})
    path = xlsx_file(tmp_path / "b.xlsx", ["V"], [field], [(value,)])
    found = load_workbook(path).active["A2"]
    assert (found.value, found.data_type) == (cell, kind)
    with open_book(path) as book:
        plan = inspect(book).plan()
        read = next(read_rows(book, plan, [field])).values[0]
    assert read == value


@pytest.mark.parametrize(
    "text, words", [("x" * 32_768, "32,767"), ("\ud800", "half of a character")]
)
def test_what_no_workbook_can_hold_is_refused_with_its_row(tmp_path, text, words):
    field = Field("t", "t", "T", named("long-text")[0])
    with pytest.raises(Invalid, match=f"Row 3: .*{words}"):
        xlsx_file(tmp_path / "b.xlsx", ["T"], [field], [("fine",), (text,)])
    assert not (tmp_path / "b.xlsx").exists()


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=5), st.one_of(st.none(), st.integers(), st.text(max_size=9))
        )
    )
)
def test_json_is_one_array(rows):
    assume(
        not any(
            "\ud800" <= one <= "\udfff"
            for row in rows
            for text in (*row, *row.values())
            for one in str(text)
        )
    )
    assert json.loads(b"".join(json_array(map(json.dumps, rows)))) == rows


def test_blocks_are_sent_as_they_fill():
    blocks = list(csv_lines(["a"], ([str(n)] for n in range(50_000))))
    assert len(blocks) > 5
    assert max(map(len, blocks)) < 40_000
    assert b"".join(blocks).splitlines()[-1] == b"49999"
    assert len(list(json_array(f'{{"a":{n}}}' for n in range(50_000)))) > 5


# The quick lane --------------------------------------------------------------------------------


@pytest.mark.parametrize("field", laws.FIELDS, ids=laws.NAMES)
@given(data=st.data())
def test_the_quick_lane_reads_what_the_type_reads_and_prints_back(field, data):
    own = laws.values(field).map(lambda value: field.type.text(value, field))
    odd = st.sampled_from(
        ["", " ", "-0.00", "-0", "007", "1.5", "1.50", "1\n2", "2026-02-30", "1_0", "٣", f"1{NUL}"]
    )
    short = st.text(st.sampled_from("0123456789-.:TZ \n"), max_size=8)
    texts = data.draw(st.lists(st.one_of(own, own, odd, short), min_size=1, max_size=5))
    quick = lane(field, "")
    values = quick(texts) if quick else None
    if values is not None:
        assert values == [field.type.parse(text, field) for text in texts]
        assert all(field.type.prints_back(text, field, "") for text in texts if text.strip())
        assert [str(one) for one in values] == [
            str(field.type.parse(text, field)) for text in texts
        ]


def test_there_is_a_quick_lane_where_it_matters():
    quick = {field.name for field in laws.FIELDS if lane(field, "")}
    assert quick >= {
        "text",
        "code",
        "long_text",
        "integer",
        "decimal",
        "money",
        "date",
        "date_time",
    }
