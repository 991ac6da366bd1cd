"""What an import makes of a column: a guess prints every text back the same, or it is not made."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import CHECKOUT
from app.errors import Invalid
from app.fields import CANONICAL, TYPES, guess
from app.fields.base import FieldType
from tests.core.laws import FIELDS, NAMES, values

NORTHWIND = CHECKOUT.parent / "shared" / "data" / "northwind"
SHAPES = (
    "-?[0-9]{1,3}(,[0-9]{3}){0,2}(\\.[0-9]{1,2})?", "[0-9]{1,4}[.,][0-9]{1,4}", "[€$]?[0-9]{1,4}( €|%)?",
    "[0-3]?[0-9][./-][0-3]?[0-9][./-](20|19)?[0-9]{2}", "[0-2]?[0-9]:[0-5][0-9]( [AP]M)?", "0[0-9]{1,4}",
    "\\([0-9]{1,3}\\)|[0-9]{1,3}-", "[0-9]{14,17}", "(yes|no|Ja|nein|x|0|1|NA)", "[a-z ]{0,9}",
)  # fmt: skip


def assert_printed_back(found, texts):
    """The best guess and every reading of its question print back each text that is not blank."""
    for one in [found.best, *found.question]:
        declared = one.field()
        for text in texts:
            if text.strip() and text not in found.blanks:
                value = one.type.parse(text, declared, one.notation)
                back = one.type.text(value, declared, one.notation)
                assert back == text.strip().replace("\r\n", "\n").replace("\r", "\n")


@given(
    shape=st.sampled_from(SHAPES),
    data=st.data(),
    name=st.sampled_from(["", "Zip", "Is open", "Fax"]),
)
def test_a_guess_prints_back_every_text(shape, data, name):
    column = st.lists(st.from_regex(shape, fullmatch=True), max_size=6)
    texts = data.draw(st.one_of(column, st.lists(st.sampled_from(SHAPES).flatmap(
        lambda one: st.from_regex(one, fullmatch=True)), max_size=4)))  # fmt: skip
    assert_printed_back(guess(texts, name), texts)


@given(texts=st.lists(st.text(), max_size=5))
def test_a_column_of_anything_is_text_at_least(texts):
    found = guess(texts)
    if "cannot be kept" in found.best.reason:
        declared = found.best.field()
        with pytest.raises(Invalid):
            [declared.type.parse(text, declared) for text in texts]
    else:
        assert_printed_back(found, texts)


@pytest.mark.parametrize("field", FIELDS, ids=NAMES)
@given(data=st.data())
def test_what_is_exported_is_guessed_so_that_it_comes_back(field, data):
    found = data.draw(st.lists(values(field), min_size=1, max_size=5))
    texts = [field.type.text(value, field) for value in found]
    assert_printed_back(guess(texts, field.name), texts)


def column(*texts, name=""):
    found = guess(texts, name)
    return found.best.type.name, found.best.options, found.best.notation


@pytest.mark.parametrize(
    ("texts", "type", "options", "notation"),
    [
        (["1", "20", "-3"], "integer", {}, ""),
        (["1,234", "20", "1,234,567"], "integer", {}, "1,234.50"),
        (["01234", "20"], "text", {"format": "code"}, ""),
        (["+5", "6"], "text", {}, ""),
        (["1234567890123456", "1"], "text", {"format": "code"}, ""),
        (["14", "9.8", "0.25"], "decimal", {"scale": 2, "shown": 0}, ""),
        (["0.0", "0.15"], "decimal", {"scale": 2, "shown": 1}, ""),
        (["1.50", "12.25"], "decimal", {"scale": 2, "shown": 2}, ""),
        (["1.1", "1.10"], "text", {}, ""),
        (["1.234,50", "-7,25"], "decimal", {"scale": 2, "shown": 2}, "1.234,50"),
        (["1 234,50", "(7,25)"], "decimal", {"scale": 2, "shown": 2}, "(1 234,50)"),
        (["1’234.50", "7.25-"], "decimal", {"scale": 2, "shown": 2}, "1’234.50-"),
        (["12.5%", "3%"], "decimal", {"scale": 2, "shown": 0, "format": "percent"}, "1234.50%"),
        (["€12.50", "-€1,000.00"], "money", {"currency": "EUR", "scale": 2, "shown": 2}, "€1,234.50"),
        (["12,50 €", "1.000,00 €"], "money", {"currency": "EUR", "scale": 2, "shown": 2}, "1.234,50 €"),
        (["CHF 5", "CHF 12"], "money", {"currency": "CHF", "scale": 2, "shown": 0}, "CHF 1234.50"),
        (["€5", "$5"], "text", {}, ""),
        (["1e5", "2"], "text", {}, ""),
        (["nan", "1"], "text", {}, ""),
        (["2026-12-24", "1999-01-01"], "date", {}, ""),
        (["24.12.2026", "01.02.2026"], "date", {}, "DD.MM.YYYY"),
        (["24.12.2026", "1.2.2026"], "date", {}, "D.M.YYYY"),
        (["12/24/2026", "01/02/2026"], "date", {}, "MM/DD/YYYY"),
        (["24 Dec 2026"], "date", {}, "DD Mon YYYY"),
        (["1996-07-04 00:00:00.000"], "date", {}, "YYYY-MM-DD 00:00:00.000"),
        (["1996-07-04 10:00:00.000"], "date-time", {}, "YYYY-MM-DD hh:mm:ss.fff"),
        (["1/2/2026 3:04 PM", "12/24/2026 11:59 AM"], "date-time", {}, "M/D/YYYY h:mm AM"),
        (["2026-12-24T10:00:00Z"], "date-time", {}, ""),
        (["240102", "240103"], "integer", {}, ""),
        (["Item 5", "Item 6"], "text", {}, ""),
        (["18:30", "06:15"], "time", {}, "hh:mm"),
        (["25:30:00", "1:00:05"], "duration", {}, ""),
        (["-01:30:00", "12:00:00"], "duration", {}, "hh:mm:ss"),
        (["1:30:00", "24:00:00"], "text", {}, ""),
        (["25:30", "1:00"], "text", {}, ""),
        (["5m", "30m"], "text", {}, ""),
        (["yes", "no"], "yes-no", {}, "yes/no"),
        (["Ja", "Nein"], "yes-no", {}, "Ja/Nein"),
        (["x", ""], "yes-no", {}, "x/"),
        (["yes", "No"], "text", {}, ""),
        (["0", "1"], "integer", {}, ""),
        (["ada@example.com", "bob@example.com"], "text", {"format": "email"}, ""),
        (["https://a.example", "http://b.example/x"], "text", {"format": "url"}, ""),
        (["one\ntwo", "x"], "long-text", {}, ""),
        (["x" * 300], "long-text", {}, ""),
        (["55", "N/A", "-"], "integer", {}, ""),
        (["N/A", "word"], "text", {}, ""),
        ([], "text", {}, ""),
        (["a\0b"], "text", {}, ""),
    ],
    ids=str,
)  # fmt: skip
def test_columns(texts, type, options, notation):
    assert column(*texts) == (type, options, notation)


@pytest.mark.parametrize(
    ("name", "texts", "type", "options"),
    [
        ("PostalCode", ["12209", "51100"], "text", {"format": "code"}),
        ("PLZ", ["12209", "51100"], "text", {"format": "code"}),
        ("ISBN", ["9783161484100"], "text", {"format": "code"}),
        ("Order no.", ["1001", "1002"], "text", {"format": "code"}),
        ("OrderID", ["1001", "1002"], "integer", {}),
        ("Phone", ["030 901820", "(5) 555-4729"], "text", {"format": "phone"}),
        ("Discontinued", ["0", "1"], "yes-no", {}),
        ("is_active", ["1", "1"], "yes-no", {}),
        ("Speed", ["0", "1"], "integer", {}),
        ("Needed", ["0", "2"], "integer", {}),
    ],
)
def test_the_heading_counts(name, texts, type, options):
    assert column(*texts, name=name)[:2] == (type, options)


@pytest.mark.parametrize(
    ("texts", "readings"),
    [
        (["03/04/2026", "05/06/2026"], [("date", "DD/MM/YYYY"), ("date", "MM/DD/YYYY")]),
        (["03/04/2026", "13/06/2026"], []),
        (["03/03/2026"], []),
        (["1,234", "5,678"], [("integer", "1,234.50"), ("decimal", "1234,50")]),
        (["1.250", "2.375"], [("integer", "1.234,50"), ("decimal", "")]),
        (["1,234", "5,6"], []),
        (["1.234,50"], []),
        (["03/04/2026 10:00"], [("date-time", "DD/MM/YYYY hh:mm"), ("date-time", "MM/DD/YYYY hh:mm")]),
    ],
    ids=str,
)  # fmt: skip
def test_a_column_that_can_be_read_in_two_ways_is_a_question(texts, readings):
    asked = {(one.type.name, one.notation) for one in guess(texts).question}
    assert set(readings) <= asked and bool(asked) == bool(readings)


def test_reasons_are_told():
    assert guess(["01", "02", "3"]).best.reason == "2 values begin with 0"
    assert guess(["1", "2", "EMB-145"]).best.reason == "numbers stand beside “EMB-145”"
    assert guess(["24.12.2026"]).best.reason == "every value is a date written DD.MM.YYYY"
    assert guess(["", " "]).best.reason == "the column is empty"
    assert "heading" in guess(["0", "1"], "Is open").best.reason


def test_a_choice_is_only_suggested():
    found = guess(["Open", "Done", "Open", "Late"] * 10)
    assert found.best.type.name == "text"
    assert found.suggestion.options == {"choices": ["Done", "Late", "Open"]}
    assert found.suggestion.reason == "3 words make up 40 values"
    assert guess([f"word {n}" for n in range(40)]).suggestion is None


@pytest.mark.parametrize(
    ("word", "texts", "options", "values"),
    [
        ("multi-choice", ["b; a", "B"], {"choices": ["a", "b", "B"]}, [("a", "b"), ("B",)]),
        ("multi-choice", ["b, a", '"x,y"'], {"choices": ["a", "b", "x,y"]}, [("a", "b"), ("x,y",)]),
        ("duration", ["1h 30m", "2d"], {}, [timedelta(hours=1.5), timedelta(days=2)]),
        ("duration", ["1:30", "12:00"], {}, [timedelta(hours=1.5), timedelta(hours=12)]),
    ],
    ids=str,
)  # fmt: skip
def test_whoever_wants_a_type_gets_the_reading_that_the_texts_have(word, texts, options, values):
    found = TYPES[word].fit(texts, "Heading", {})
    assert {name: found.options[name] for name in options} == options
    assert [found.type.parse(text, found.field(), found.notation) for text in texts] == values


def test_words_for_blank_count_only_beside_values_of_another_type():
    assert guess(["2004", "NA", "1998"]).blanks == ["NA"]
    assert guess(["a", "NA"]).blanks == []
    assert guess(["NA"]).best.type.name == "text"


def test_a_guess_of_two_digit_years_shows_the_century():
    best = guess(["24.12.68", "24.12.69"]).best
    declared = best.field()
    years = [
        best.type.parse(text, declared, best.notation).year for text in ("24.12.68", "24.12.69")
    ]
    assert years == [2068, 1969] and "1969 to 2068" in best.reason


def test_a_reader_of_a_column_reads_as_parse_does():
    best = guess(["1.234,50", "7,25"]).best
    read = best.type.reader(best.field(), best.notation)
    assert [read("1.234,50"), read("7,25"), read("1.234,50")] == [
        Decimal("1234.50"),
        Decimal("7.25"),
    ] + [Decimal("1234.50")]
    with pytest.raises(Invalid):
        read("word")
    assert isinstance(best.type, FieldType) and best.notation != CANONICAL


@pytest.mark.skipif(not NORTHWIND.is_dir(), reason="the Northwind files are not here")
def test_northwind():
    wanted = {
        ("orders", "OrderDate"): "date", ("orders", "Freight"): "decimal", ("orders", "OrderID"): "integer",
        ("customers", "PostalCode"): "text", ("customers", "Phone"): "text",
        ("products", "UnitPrice"): "decimal", ("products", "Discontinued"): "yes-no",
        ("employees", "BirthDate"): "date", ("order_details", "Discount"): "decimal",
    }  # fmt: skip
    for (file, heading), type in wanted.items():
        with open(NORTHWIND / f"{file}.csv", encoding="utf-8-sig", newline="") as rows:
            texts = [row[heading] for row in csv.DictReader(rows)]
        found = guess(texts, heading)
        assert found.best.type.name == type, (file, heading)
        assert_printed_back(found, texts)
