"""The laws of the field types in real columns, on SQLite and PostgreSQL, against plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from app import create_app
from app.database import db
from app.errors import Invalid
from app.fields import Exact, Field, named, where
from app.fields.number import average
from tests.core.laws import FIELDS, values
from tests.core.test_fields import IN_COLUMNS, field

every_type = pytest.mark.parametrize("declared", IN_COLUMNS, ids=[one.name for one in IN_COLUMNS])


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: Any, tmp_path_factory: Any) -> Iterator[sa.Engine]:
    """A database of the app, whose workspace is in Berlin."""
    url = request.getfixturevalue("postgresql_for_all") if request.param == "postgresql" else ""
    folder = tmp_path_factory.mktemp("laws")
    settings = {"INSTANCE": folder, "TESTING": True, "TRIPS": "off", "TIMEZONE": "Europe/Berlin"}
    app = create_app({**settings, "DATABASE_URL": url} if url else settings)
    with app.app_context():
        yield db.engine
        db.engine.dispose()


class Column:
    """A table with one field, and what is in it by id."""

    def __init__(self, engine: sa.Engine, declared: Field) -> None:
        self.declared, self.stored = declared, {}
        self.table = sa.Table(
            f"laws__{declared.name}", sa.MetaData(naming_convention=db.metadata.naming_convention),
            sa.Column("id", sa.Integer, primary_key=True), declared.type.column(declared),
        )  # fmt: skip
        self.c = self.table.c[declared.name]
        self.connection = engine.connect()
        self.table.create(self.connection)

    def fill(self, found: list[Any]) -> None:
        self.stored = dict(enumerate(found))
        self.connection.execute(self.table.delete())
        rows = [{"id": id, self.c.name: value} for id, value in self.stored.items()]
        self.connection.execute(self.table.insert(), rows)

    def all(self) -> dict[int, Any]:
        return dict(self.connection.execute(sa.select(self.table.c.id, self.c)).tuples().all())

    def ids(self, condition: Any) -> set[int]:
        return set(self.connection.scalars(sa.select(self.table.c.id).where(condition)))

    def one(self, expression: Any) -> Any:
        return self.connection.scalar(sa.select(expression))

    def found(self, lookup: str, *texts: str) -> set[int]:
        return self.ids(where(self.declared, self.c, lookup, texts))


@pytest.fixture
def column(database: sa.Engine) -> Iterator[Any]:
    """A function that makes the column of a field."""
    made = []

    def make(declared: Field) -> Column:
        made.append(Column(database, declared))
        return made[-1]

    yield make
    for one in made:
        one.connection.rollback()
        one.connection.close()


def tame(value: Any, declared: Field) -> Any:
    """Letters whose small forms Python and ICU agree on, whatever the versions of their tables."""
    if not isinstance(value, str) or "choices" in declared.options:
        return value
    text = "".join(one if ord(one) < 0x250 else "жÉσ_%/é\\"[ord(one) % 8] for one in value)
    try:
        return declared.type.parse(text, declared)
    except Invalid:
        return None


def columns(declared: Field) -> st.SearchStrategy[list[Any]]:
    """What may be in a column: blanks, and values that come back."""
    one = values(declared).map(lambda value: tame(value, declared))
    return st.lists(st.one_of(st.none(), one), min_size=1, max_size=8).flatmap(
        lambda few: st.lists(st.sampled_from(few), min_size=1, max_size=12)
    )


def local(value: Any) -> Any:
    """The day of a date or a moment in Berlin."""
    from app.fields.date import zone

    return value.astimezone(zone()).date() if isinstance(value, datetime) else value


ORACLE = {
    "exact": lambda value, wanted: value == wanted,
    "not": lambda value, wanted: value != wanted,
    "gt": lambda value, wanted: value is not None and value > wanted,
    "gte": lambda value, wanted: value is not None and value >= wanted,
    "lt": lambda value, wanted: value is not None and value < wanted,
    "lte": lambda value, wanted: value is not None and value <= wanted,
    "contains": lambda value, wanted: value is not None and holds(value, wanted),
    "startswith": lambda v, wanted: v is not None and v.lower().startswith(wanted.lower()),
    "year": lambda value, wanted: value is not None and local(value).year == local(wanted).year,
    "month": lambda value, wanted: value is not None and local(value).month == local(wanted).month,
    "week": lambda value, wanted: (
        value is not None and local(value).isocalendar().week == local(wanted).isocalendar().week
    ),
}


def holds(value: Any, wanted: Any) -> bool:
    """A part of a text, whatever its capitals; of several values all."""
    if isinstance(value, tuple):
        return set(wanted) <= set(value)
    return wanted.lower() in value.lower()


def is_one_of(value: Any, wanted: list[Any]) -> bool:
    """The value is wanted; of several values one."""
    if isinstance(value, tuple):
        return any(set(value) & set(one) for one in wanted if one)
    return value in wanted


PARTS = {
    "year": lambda d: d.year,
    "month": lambda d: d.month,
    "week": lambda d: d.isocalendar().week,
}


@every_type
def test_values_survive_and_are_found_and_sorted_as_python_would(column, declared):
    one = column(declared)

    @settings(max_examples=20)
    @given(found=columns(declared), data=st.data())
    def law(found: list[Any], data: Any) -> None:
        one.fill(found)
        assert one.all() == one.stored
        assert {type(value) for value in one.all().values()} == {type(value) for value in found}
        assert_lookups(
            one, data.draw(st.one_of(st.sampled_from(found), columns(declared).map(min_or_none)))
        )
        assert_order(one)

    law()


def min_or_none(found: list[Any]) -> Any:
    return next((value for value in found if value is not None), None)


def assert_lookups(one: Column, wanted: Any) -> None:
    """Each lookup of the type finds what the oracle finds."""
    text = one.declared.type.text(wanted, one.declared)
    for lookup in one.declared.type.lookups:
        if lookup == "isblank":
            for asked in (True, False):
                assert one.found("isblank", str(asked).lower()) == {
                    id for id, value in one.stored.items() if (value is None) is asked
                }
        elif lookup == "in":
            others = [value for id, value in one.stored.items() if id % 3 == 0]
            texts = [text, *(one.declared.type.text(value, one.declared) for value in others)]
            asked = [wanted, *others]
            wanted_ids = {id for id, value in one.stored.items() if is_one_of(value, asked)}
            assert one.found("in", *texts) == wanted_ids
        elif lookup == "today":
            yes, no = one.found("today", "true"), one.found("today", "false")
            assert yes | no == set(one.stored) and not yes & no
        elif wanted is None and lookup not in ("exact", "not"):
            with pytest.raises(Invalid):
                one.found(lookup, "")
        else:
            asked = str(PARTS[lookup](local(wanted))) if lookup in PARTS else text
            asked = part(text, lookup) if isinstance(wanted, str) else asked
            oracle_wants = part(wanted, lookup) if isinstance(wanted, str) else wanted
            expected = {i for i, v in one.stored.items() if ORACLE[lookup](v, oracle_wants)}
            assert one.found(lookup, asked) == expected, (lookup, asked)


def part(text: str, lookup: str) -> str:
    """A piece of the text, where a piece is looked for."""
    if lookup in ("contains", "startswith"):
        start = 0 if lookup == "startswith" else len(text) // 3
        return text[start : start + 3].strip() or text
    return text


def assert_order(one: Column) -> None:
    """Sorted as Python sorts by rank, and what is blank comes last, either way."""
    key = one.declared.type.order(one.c)
    filled = [value for value in one.stored.values() if value is not None]
    blank = [None] * (len(one.stored) - len(filled))
    rank = one.declared.type.rank
    for direction, reverse in ((key.asc(), False), (key.desc(), True)):
        found = one.connection.scalars(sa.select(one.c).order_by(direction.nulls_last())).all()
        ranks = [value if value is None else rank(value) for value in found]
        assert ranks == sorted(map(rank, filled), reverse=reverse) + blank


NUMBERS = [one for one in FIELDS if "average" in one.type.aggregates]


@pytest.mark.parametrize("declared", NUMBERS, ids=[one.name for one in NUMBERS])
def test_sums_and_averages_are_exact(column, declared):
    one = column(declared)

    @given(found=st.lists(st.one_of(st.none(), values(declared)), min_size=1, max_size=20))
    def law(found: list[Any]) -> None:
        one.fill(found)
        filled = [value for value in found if value is not None]
        total = {name: one.one(make(one.c)) for name, make in declared.type.aggregates.items()}
        if not filled:
            assert set(total.values()) == {None}
            return
        all_of_it = sum(filled, type(filled[0])())
        assert (total["sum"], total["min"], total["max"]) == (all_of_it, min(filled), max(filled))
        assert type(total["sum"]) is type(filled[0])
        if isinstance(all_of_it, timedelta):
            exact = Decimal(all_of_it // timedelta(seconds=1)) / len(filled)
            assert total["average"] == timedelta(seconds=int(exact.quantize(1, ROUND_HALF_UP)))
            return
        step = Decimal(1).scaleb(-declared.type.scale(declared) - 2)
        average = (Decimal(all_of_it) / len(filled)).quantize(step, ROUND_HALF_UP)
        assert total["average"] == average

    law()


def test_twenty_thousand_times_ten_cents_are_two_thousand(column):
    one = column(field("money"))
    one.fill([Decimal("0.10")] * 20_000)
    assert one.one(sa.func.sum(one.c)) == Decimal("2000.00")
    assert one.one(average(one.c)) == Decimal("0.1000")


def test_the_largest_numbers_add_up(column):
    one = column(field("decimal"))
    largest = Decimal("9999999999999.99")
    one.fill([largest] * 9_000)
    assert one.one(sa.func.sum(one.c)) == largest * 9_000
    assert one.one(average(one.c)) == largest


def test_a_float_or_too_many_decimals_never_reach_the_column(column):
    one = column(field("decimal"))
    wrong = (
        1.5,
        Decimal("1.005"),
        Decimal("1." + "0" * 40 + "1"),
        Decimal(10) ** 13,
        Decimal("NaN"),
    )
    for value in wrong:
        with pytest.raises((sa.exc.StatementError, ValueError, ArithmeticError)):
            one.fill([value])


def test_products_of_scaled_numbers_are_refused():
    column = sa.Column("x", Exact(2))
    for wrong in (lambda: column * 2, lambda: column / 3, lambda: sa.func.sum(column) / 2):
        with pytest.raises(TypeError, match="not multiplied or divided"):
            wrong()
    assert str(column + 1 > Decimal("1.5"))


def test_wildcards_mean_themselves_and_capitals_do_not_matter(column):
    one = column(field("text"))
    one.fill(["100%", "100x", "a_b", "aXb", "C:\\temp", "ÄRGER", "ärger/", "", None])
    found = {
        "%": {0}, "_": {2}, "\\": {4}, "/": {6}, "ärger": {5, 6}, "ÄRGER": {5, 6}, "100%": {0}, "A_B": {2}
    }  # fmt: skip
    for text, ids in found.items():
        assert one.found("contains", text) == ids, text
    assert one.found("startswith", "c:\\T") == {4}
    assert one.found("exact", "ärger") == set(), "the lookup exact is exact"
    assert one.found("isblank", "true") == one.found("exact", "") == {7, 8}


def test_today_this_week_and_this_year_are_those_of_the_workspace(column, monkeypatch):
    now = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)  # in Berlin 2027 has begun
    monkeypatch.setattr("app.fields.date.utcnow", lambda: now)
    moments = column(field("date-time"))
    moments.fill([now, now - timedelta(minutes=31), now + timedelta(hours=23, minutes=29), None])
    assert moments.found("today", "true") == {0, 2}
    assert moments.found("today", "false") == {1, 3}
    assert moments.found("year", "2027") == {0, 2}
    assert moments.found("month", "12") == {1}
    assert moments.found("week", "53") == {0, 1, 2}
    moments.connection.rollback()
    days = column(Field("d", "day", "Day", field("date").type))
    days.fill([now.date(), now.date() + timedelta(days=1)])
    assert days.found("today", "true") == {1}


@pytest.mark.parametrize(
    ("word", "lookup", "texts", "words"),
    [
        ("date", "before", ["2026-01-01"], "Thing cannot be filtered by before; what works is exact, not,"),
        ("date", "gte", ["24.12.2026"], "Thing must be a date like 2026-12-24"),
        ("date", "month", ["13"], "Thing takes a number from 1 to 12 here"),
        ("date", "year", ["2026", "2027"], "Thing takes a number from 1 to 9999 here"),
        ("date", "week", ["٣"], "Thing takes a number from 1 to 53 here"),
        ("date", "today", ["yes"], "Thing takes true or false here"),
        ("integer", "gt", [""], "Thing needs a value here; for blank ones use the lookup isblank"),
        ("integer", "exact", ["1", "2"], "Thing takes one value here; for several use the lookup in"),
        ("text", "contains", ["a\0"], "Thing can hold what can be seen only"),
        ("yes-no", "gt", ["true"], "Thing cannot be filtered by gt; what works is exact, not, isblank"),
    ],
)  # fmt: skip
def test_a_wrong_lookup_or_value_is_named(word, lookup, texts, words):
    kind, options = named(word)
    declared = Field("t", "thing", "Thing", kind, options=options)
    with pytest.raises(Invalid) as error:
        where(declared, kind.column(declared), lookup, texts)
    assert error.value.detail.startswith(words)
