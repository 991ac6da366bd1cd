"""Well-typed expressions over records, worked out by each database, against a tiny oracle.

An expression is grown as a text together with what Python makes of it: fractions for numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from app.expressions import Refused
from tests.expressions.conftest import FIELDS, NOW

Record = dict[str, Any]
BERLIN = ZoneInfo("Europe/Berlin")


class Grown(NamedTuple):
    """A part of an expression: its text, its oracle, and for numbers the decimals, on the way and
    stored, and whether it is an amount."""

    text: str
    oracle: Callable[[Record], Any]
    scale: int = 0
    stored: int = 0
    money: bool = False


def half_up(value: Fraction, scale: int) -> Fraction:
    units = abs(value) * 10**scale + Fraction(1, 2)
    whole = units.numerator // units.denominator
    return Fraction(whole if value >= 0 else -whole, 10**scale)


def strict(function: Callable[..., Any], *parts: Grown) -> Callable[[Record], Any]:
    """Empty where one of the parts is."""

    def oracle(record: Record) -> Any:
        values = [part.oracle(record) for part in parts]
        return None if None in values else function(*values)

    return oracle


# Leaves ----------------------------------------------------------------------------------------


def name(of: str, scale: int = 0, money: bool = False) -> Grown:
    def oracle(record: Record) -> Any:
        value = record[of]
        return Fraction(value) if type(value) in (int, Decimal) else value

    return Grown(of, oracle, scale, scale, money)


def known(text: str, value: Any) -> Grown:
    return Grown(text, lambda _: value)


def number_written(value: Decimal) -> Grown:
    scale = -int(value.as_tuple().exponent)
    return Grown(f"{value:f}", lambda _: Fraction(value), scale, scale)


CONSTANTS = st.one_of(
    st.integers(0, 20).map(Decimal),
    st.integers(0, 10**15 - 1).map(Decimal),
    st.decimals(0, 1000, places=3),
).map(number_written)
NUMBERS = st.one_of(
    st.sampled_from([name("quantity"), name("price", 2, True), name("rate", 4), name("fine", 8)]),
    CONSTANTS,
)
TEXTS = st.one_of(
    st.sampled_from([name("name"), name("other"), name("status")]),
    st.text("aZäßÉ %_1", min_size=1, max_size=4).map(lambda text: known(f'"{text}"', text)),
)
DATES = st.sampled_from([name("due"), name("start"), known("today", NOW["today"])])
YES_NO = st.sampled_from([name("done"), known("True", True), known("False", False)])

# Numbers ---------------------------------------------------------------------------------------


def kept(scale: int, *parts: Grown) -> tuple[int, int, bool]:
    amounts = [part.stored for part in parts if part.money]
    most = max(6, *(part.stored for part in parts))
    return scale, max(amounts) if amounts else min(scale, most), bool(amounts)


@st.composite
def calculated(draw: Any, inner: st.SearchStrategy[Grown]) -> Grown:
    one, other = draw(inner), draw(inner)
    sign = draw(st.sampled_from("+-*/"))
    if sign == "*" and one.money and other.money:
        sign = "/"
    text = f"({one.text} {sign} {other.text})"
    if sign in "+-":
        turn = 1 if sign == "+" else -1
        sums = strict(lambda x, y: x + turn * y, one, other)
        return Grown(text, sums, *kept(max(one.scale, other.scale), one, other))
    if sign == "*":
        products = strict(lambda x, y: x * y, one, other)
        return Grown(text, products, *kept(one.scale + other.scale, one, other))
    scale = max(12, one.scale)
    quotients = strict(lambda x, y: half_up(x / y, scale) if y else None, one, other)
    if other.money:
        return Grown(text, quotients, scale, max(6, one.stored, other.stored))
    return Grown(text, quotients, *kept(scale, one, other))


@st.composite
def shaped(draw: Any, inner: st.SearchStrategy[Grown]) -> Grown:
    one, places = draw(inner), draw(st.integers(0, 12))
    return draw(
        st.sampled_from([
            Grown(f"round({one.text}, {places})", strict(lambda x: half_up(x, places), one),
                  places, places, one.money),
            Grown(f"abs({one.text})", strict(abs, one), *one[2:]),
            Grown(f"-{one.text}", strict(lambda x: -x, one), *kept(one.scale, one)),
        ])
    )  # fmt: skip


@st.composite
def picked(draw: Any, inner: st.SearchStrategy[Grown], condition: Any) -> Grown:
    """One of two values of a kind."""
    one, other = draw(inner), draw(inner)
    which = draw(st.sampled_from(["if", "coalesce", "none"]))
    rest = kept(max(one.scale, other.scale), one, other)
    if which == "coalesce":
        found = lambda r: next((x for p in (one, other) if (x := p.oracle(r)) is not None), None)  # noqa: E731
        return Grown(f"coalesce({one.text}, {other.text})", found, *rest)
    asked = draw(condition)
    if which == "none":
        found = lambda r: one.oracle(r) if asked.oracle(r) else None  # noqa: E731
        return Grown(f"({one.text} if {asked.text} else None)", found, *kept(one.scale, one))
    found = lambda r: (one if asked.oracle(r) else other).oracle(r)  # noqa: E731
    return Grown(f"({one.text} if {asked.text} else {other.text})", found, *rest)


@st.composite
def extreme(draw: Any, inner: st.SearchStrategy[Grown]) -> Grown:
    parts, which = draw(st.lists(inner, min_size=2, max_size=3)), draw(st.sampled_from([min, max]))

    def oracle(record: Record) -> Any:
        return which((x for p in parts if (x := p.oracle(record)) is not None), default=None)

    text = f"{which.__name__}({', '.join(part.text for part in parts)})"
    return Grown(text, oracle, *kept(max(part.scale for part in parts), *parts))


# Dates and texts -------------------------------------------------------------------------------


def later(day: date, days: Fraction) -> date | None:
    try:
        return day + timedelta(int(days))
    except OverflowError:
        return None


@st.composite
def moved(draw: Any, inner: st.SearchStrategy[Grown]) -> Grown:
    day, days = draw(inner), draw(st.sampled_from([name("quantity"), number_written(Decimal(40))]))
    turn = draw(st.sampled_from([1, -1]))
    sign = "+" if turn == 1 else "-"
    return Grown(
        f"({day.text} {sign} {days.text})", strict(lambda x, n: later(x, turn * n), day, days)
    )


def local(value: Any) -> date:
    return value.astimezone(BERLIN).date() if isinstance(value, datetime) else value


@st.composite
def counted(draw: Any, dates: Any, texts: Any) -> Grown:
    """Whole numbers out of dates and texts."""
    one, other, words = draw(dates), draw(dates), draw(texts)
    made = name("created")
    return draw(
        st.sampled_from([
            Grown(f"({one.text} - {other.text})", strict(lambda x, y: Fraction((x - y).days), one, other)),
            Grown(f"len({words.text})", strict(lambda x: Fraction(len(x)), words)),
            Grown(f"year({one.text})", strict(lambda x: Fraction(x.year), one)),
            Grown(f"month({made.text})", strict(lambda x: Fraction(local(x).month), made)),
        ])
    )  # fmt: skip


@st.composite
def worded(draw: Any, inner: st.SearchStrategy[Grown]) -> Grown:
    one, other = draw(inner), draw(inner)
    return draw(
        st.sampled_from([
            Grown(f"({one.text} + {other.text})", strict(lambda x, y: x + y, one, other)),
            Grown(f"lower({one.text})", strict(str.lower, one)),
            Grown(f"upper({one.text})", strict(str.upper, one)),
        ])
    )  # fmt: skip


# Conditions ------------------------------------------------------------------------------------

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}
NO, YES = False, True


def both(x: Any, y: Any) -> Any:
    return NO if NO in (x, y) and (x is NO or y is NO) else None if x is None or y is None else YES


def reverse(x: Any) -> Any:
    return None if x is None else not x


@st.composite
def compared(draw: Any, inner: st.SearchStrategy[Grown], order: bool) -> Grown:
    one, other = draw(inner), draw(inner)
    sign = draw(st.sampled_from(["==", "!=", "is None", *(ORDERS if order else ())]))
    if sign == "is None":
        return Grown(f"({one.text} is None)", lambda r: one.oracle(r) is None)
    text = f"({one.text} {sign} {other.text})"
    if sign in ORDERS:
        return Grown(text, strict(ORDERS[sign], one, other))
    return Grown(text, lambda r: (one.oracle(r) == other.oracle(r)) is (sign == "=="))


@st.composite
def searched(draw: Any, texts: st.SearchStrategy[Grown]) -> Grown:
    one, part = draw(texts), draw(texts)
    listed = known("", ["a", "Open", "Zä"])
    return draw(
        st.sampled_from([
            Grown(f"contains({one.text}, {part.text})",
                  strict(lambda x, y: y.lower() in x.lower(), one, part)),
            Grown(f"startswith({one.text}, {part.text})",
                  strict(lambda x, y: x.lower().startswith(y.lower()), one, part)),
            Grown('(name in ("a", "Open", "Zä"))', lambda r: r["name"] in listed.oracle(r)),
            Grown("(name not in me.roles)", lambda r: r["name"] not in ["Open", "x"]),
            Grown("(quantity in (1, 2.5, -3))", lambda r: r["quantity"] in (1, -3)),
        ])
    )  # fmt: skip


@st.composite
def joined(draw: Any, inner: st.SearchStrategy[Grown]) -> Grown:
    one, other = draw(inner), draw(inner)
    which = draw(st.sampled_from(["and", "or", "not"]))
    if which == "not":
        return Grown(f"(not {one.text})", lambda r: reverse(one.oracle(r)))
    if which == "and":
        return Grown(
            f"({one.text} and {other.text})", lambda r: both(one.oracle(r), other.oracle(r))
        )
    return Grown(
        f"({one.text} or {other.text})",
        lambda r: reverse(both(reverse(one.oracle(r)), reverse(other.oracle(r)))),
    )


def grow(depth: int) -> tuple[st.SearchStrategy[Grown], ...]:
    """Numbers, texts, dates and conditions that are nested so deep at most."""
    if not depth:
        return NUMBERS, TEXTS, DATES, YES_NO
    numbers, texts, dates, conditions = grow(depth - 1)
    return (
        st.one_of(NUMBERS, calculated(numbers), calculated(numbers), shaped(numbers),
                  picked(numbers, conditions), extreme(numbers), counted(dates, texts)),
        st.one_of(TEXTS, worded(texts), picked(texts, conditions)),
        st.one_of(DATES, moved(dates), picked(dates, conditions), extreme(dates)),
        st.one_of(compared(numbers, True), compared(texts, False), compared(dates, True),
                  searched(texts), joined(conditions)),
    )  # fmt: skip


# Laws ------------------------------------------------------------------------------------------


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(strategy, strategy, st.none())


def decimals(scale: int) -> st.SearchStrategy[Decimal]:
    units = st.one_of(st.integers(-2_000, 2_000), st.integers(1 - 10**15, 10**15 - 1))
    return units.map(lambda one: Decimal(one).scaleb(-scale))


RECORDS = st.fixed_dictionaries({
    "quantity": maybe(st.one_of(st.integers(-3, 9), st.integers(1 - 10**15, 10**15 - 1))),
    "price": maybe(decimals(2)), "rate": maybe(decimals(4)), "fine": maybe(decimals(8)),
    "name": maybe(st.sampled_from(["a", "Zä", "Straße 1", "50 %", "a_b", "Open"])),
    "other": maybe(st.sampled_from(["a", "ZÄ", "1", "%", "x"])),
    "status": maybe(st.sampled_from(["Open", "Done"])),
    "due": maybe(st.dates()), "start": maybe(st.dates(date(2026, 1, 1), date(2026, 12, 31))),
    "created": maybe(st.datetimes(datetime(2025, 12, 31, 20), datetime(2026, 4, 1),
                                  timezones=st.just(UTC))),
    "done": maybe(st.booleans()),
})  # fmt: skip


def result(grown: Grown, record: Record) -> Any:
    """What is stored of it: numbers with their decimals and up to 15 digits, no empty texts."""
    value = grown.oracle(record)
    if not isinstance(value, Fraction):
        return (value.strip() or None) if isinstance(value, str) else value
    stored = half_up(value, grown.stored)
    return None if abs(stored) * 10**grown.stored >= 10**15 else stored


REFUSED = re.compile("nested too deep|up to 1,000 characters|Status must be")
"""What can be wrong with an expression that has grown."""


def asked(question: Callable[[str], Any], grown: Grown) -> Any:
    try:
        return question(grown.text)
    except Refused as error:
        assert REFUSED.search(str(error)), error
        reject()


def assert_holds(sheet: Any, grown: Grown, records: list[Record]) -> None:
    sheet.fill(*records)
    expected = [result(grown, record) for record in records]
    assert asked(sheet.all, grown) == expected, grown.text
    assert sheet.one(grown.text, **records[0]) == expected[0], grown.text


def law(sheet: Any, kind: int, depth: int, examples: int) -> None:
    @settings(max_examples=examples)
    @given(grown=grow(depth)[kind], records=st.lists(RECORDS, min_size=1, max_size=4))
    def holds(grown: Grown, records: list[Record]) -> None:
        assert_holds(sheet, grown, records)

    holds()


def test_numbers_are_exact_in_both_databases_as_fractions_are(sheet):
    law(sheet, 0, 3, 150)


def test_texts_are_the_same_in_both_databases_and_in_python(sheet):
    law(sheet, 1, 2, 60)


def test_dates_are_the_same_in_both_databases_and_in_python(sheet):
    law(sheet, 2, 2, 60)


def test_conditions_are_the_same_in_both_databases_and_in_python(sheet):
    law(sheet, 3, 3, 150)


def test_a_rule_finds_what_is_yes_and_its_opposite_all_the_rest(sheet):
    @settings(max_examples=60)
    @given(grown=grow(2)[3], records=st.lists(RECORDS, min_size=1, max_size=4))
    def holds(grown: Grown, records: list[Record]) -> None:
        sheet.fill(*records)
        found = asked(sheet.ids, grown)
        assert found == [id for id, one in enumerate(records) if grown.oracle(one)]

    holds()


def test_times_and_moments_are_compared_and_picked(sheet):
    early, late = time(8, 15), time(18, 30, 0, 5)
    sheet.fill({"begins": early}, {"begins": late}, {})
    assert sheet.all('begins < "18:30"') == [True, False, None]
    assert sheet.all('min(begins, "12:00")') == [early, time(12), time(12)]
    moment = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    sheet.fill({"created": moment}, {"created": datetime(2026, 3, 29, 12, 30, tzinfo=UTC)}, {})
    assert sheet.all("created < now") == [True, False, None]
    assert sheet.all("date(created) == today") == [True, True, False]
    assert sheet.all('created == "2026-03-28T23:30:00Z"') == [True, False, False]
    assert sheet.all("coalesce(created, now) == now") == [False, True, True]


def test_every_field_can_be_shown_by_itself(sheet):
    record = {"quantity": 3, "price": Decimal("12.50"), "name": "a", "due": date(2026, 1, 1)}
    for name in FIELDS:
        assert sheet.one(name, **record) == record.get(name)
