"""What cannot be is refused, with the character where and the cure; nothing hostile gets further."""

from __future__ import annotations

import pytest

from app import expressions
from app.expressions import CLOCK, FUNCTIONS, Refused, condition, mentioned, parse, together
from tests.expressions.conftest import FIELDS, field

WRONG = [
    ("quantty * 2", 1, "did you mean quantity?"),
    ("2 * quantty", 5, "did you mean quantity?"),
    ("zzz", 1, "there are quantity, price"),
    ("price + fee", 9, "Price is in EUR and Fee is in USD"),
    ("price < fee", 9, "Price is in EUR and Fee is in USD"),
    ("price * price", 9, "one has to be a number"),
    ("due == quantity", 8, 'another date, today, or a text like "2026-12-24"'),
    ("due < now", 7, "Due is a date and now is a date and time"),
    ('due == "soon"', 8, "must be a date like 2026-12-24"),
    ('status == "open"', 11, "must be “Open” or “Done”"),
    ('status in ("Open", "Dne")', 11, "must be “Open” or “Done”"),
    ('name == ""', 9, "write is None"),
    ("name == None", 9, "is not None"),
    ('name < "a"', 8, "compare it with == or !="),
    ("min(name, other)", 1, "Name is a text"),
    ("name + quantity", 8, "text + text"),
    ("due + 1.5", 7, "whole days"),
    ("due + start", 7, "date + days"),
    ("not name", 1, "Name is a text; here stands yes or no"),
    ("1 if name else 2", 1, "here stands yes or no"),
    ("name and done", 1, "here stands yes or no"),
    ("1 if done else due", 1, "Due is a date"),
    ("None if done else None", 1, "needs a value"),
    ("round(rate, quantity)", 1, "from 0 to 12"),
    ("round(rate, -1)", 1, "from 0 to 12"),
    ("round(rate, 1, 2)", 1, "used as round(number, 2)"),
    ("round(number=rate)", 1, "used as round(number, 2)"),
    ("round", 1, "used as round(number, 2)"),
    ("year(name)", 1, "a date or a date and time"),
    ("quantity in (1, rate)", 13, "numbers and dates"),
    ("quantity in 3", 13, "a list"),
    ("quantity in ()", 13, "a list"),
    ("quantity in me.roles", 13, "Quantity is a number; here stands a text"),
    ("quantity is 3", 13, "compare with =="),
    ("1234567890123456", 1, "up to 15 digits"),
    ("quantity // 2", 13, "Only + - * /"),
    ("quantity % 2", 12, "Only + - * /"),
    ("10 ** 10 ** 10", 13, "Only + - * /"),
    ("price = 3", 7, "=="),
    ("price <> 3", 7, "!="),
    ("done && done", 7, "and"),
    ("done || done", 7, "or"),
    ("!done", 1, "not"),
    ("done ? 1 : 2", 6, "Write a if condition else b"),
    ("(price", 1, "never closed"),
    ('"blue', 1, "never closed"),
    ("price +", 7, "missing"),
    ("price quantity", 7, "missing"),
    ("", 1, "is needed"),
    ("  \n ", 1, "is needed"),
    ('"ä" + zzz', 7, "There is no field “zzz”"),
    ("  quantity + zzz", 14, "There is no field “zzz”"),
    ("quantity +\n\tzzz", 13, "There is no field “zzz”"),
    ("None", 1, "no value"),
    ("me.roles", 1, "no value"),
]


@pytest.mark.parametrize(("text", "position", "cure"), WRONG)
def test_what_is_wrong_is_refused_with_its_place_and_the_cure(text, position, cure):
    with pytest.raises(Refused) as caught:
        parse(text, FIELDS)
    assert cure in str(caught.value)
    assert caught.value.position == position
    assert str(caught.value).endswith(f"(character {position}).")


HOSTILE = [
    "lambda: 1", "(x := 1)", "[x for x in y]", "{1: 2}", "{1, 2}", "f'{name}'", 'f"{name}"',
    "name.__class__", "name.upper()", "().__class__", "customer.name.x", "me.__class__", "me.id",
    "__import__('os')", "eval('1')", "name[0]", "*name", "await x", "yield", "...", "b'a'", "1j",
    "1e5", "0x10", "1_000", "1or 2", "0777", "print(1)", "round(*[1])", "round(**{})", "nаme",
    "ｎame", "name\0", "'\0'", "'\\x41'", "'\ud800'", "name; name", "import os", "class A: pass",
    "name # \u2028 x", "-" * 900 + "1", "not " * 240 + "done", "(" * 10_000 + "1" + ")" * 10_000,
    "(" * 450 + "1" + ")" * 450, "[" * 300, "1" * 5_000, "9" * 999, "+".join("1" * 400),
    "abs(" * 190 + "1" + ")" * 190, "1 if done else " * 60 + "2", "quantity" + "*quantity" * 100,
    "+1", "~1", "1 @ 2", "1 << 2", "1 | 2", "quantity is not quantity",
    "quantity == 1 == name", "'''", '"' * 999,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_with_a_sentence(text):
    with pytest.raises(Refused) as caught:
        parse(text, FIELDS)
    assert 10 < len(str(caught.value)) < 400
    assert 1 <= caught.value.position <= len(text) + 1


def test_what_would_not_fit_into_the_parser_of_a_database_is_refused_before():
    for grow in ("1 / ({})", "upper({})", "(1 if done else {})", "coalesce({}, 1)", "max(1, {})"):
        text = "name" if "upper" in grow else "quantity"
        with pytest.raises(Refused, match="nested too deep|up to 1,000 characters"):
            for _ in range(100):
                text = grow.format(text)
                parse(text, FIELDS)


def test_a_sum_of_twelve_and_a_scale_of_six_steps_are_taken():
    parse(" + ".join(["price"] * 12), FIELDS)
    parse("'A' if rate > 9 else " * 6 + "'B'", FIELDS)


def test_a_condition_must_be_yes_or_no():
    assert condition("owner == me", FIELDS).field.type.name == "yes-no"
    with pytest.raises(Refused, match="a condition is needed"):
        condition("quantity + 1", FIELDS)


def test_a_formula_knows_the_day_but_nobody_in_particular():
    assert parse("due < today", FIELDS, CLOCK).uses == {"due": 1, "today": 1}
    with pytest.raises(Refused, match="There is no field “me”"):
        parse("owner == me", FIELDS, CLOCK)


def test_a_field_cannot_pretend_to_be_the_person_who_asks():
    assert parse("me == 7", {"me": field("me", "yes-no")}).field.type.name == "yes-no"
    with pytest.raises(Refused):
        parse("not me", {"me": field("me", "yes-no")})


@pytest.mark.parametrize(
    ("text", "word", "options"),
    [
        ("quantity", "integer", {}),
        ("quantity * 2", "integer", {}),
        ("quantity / 2", "decimal", {"scale": 6, "shown": 2}),
        ("rate * quantity", "decimal", {"scale": 4, "shown": 2}),
        ("rate * rate", "decimal", {"scale": 6, "shown": 2}),
        ("fine * 2", "decimal", {"scale": 8, "shown": 2}),
        ("round(fine, 1)", "decimal", {"scale": 1}),
        ("round(rate)", "integer", {}),
        ("price * rate", "money", {"currency": "EUR", "scale": 2}),
        ("price - 0.005", "money", {"currency": "EUR", "scale": 2}),
        ("price / price", "decimal", {"scale": 6, "shown": 2}),
        ("status", "choice", {"choices": ["Open", "Done"]}),
        ('"a" if done else "bcd"', "text", {"max": 3}),
        ('note + "!"', "long-text", {"max": 100_001}),
        ("due - start", "integer", {}),
        ("due + 1", "date", {}),
        ("date(created)", "date", {}),
        ("max(created, now)", "date-time", {}),
        ("due is None", "yes-no", {}),
    ],
)  # fmt: skip
def test_the_result_is_a_field_of_the_right_type(text, word, options):
    found = parse(text, FIELDS).field
    assert (found.type.name, dict(found.options)) == (word, options)


def test_every_function_works_as_its_usage_says():
    names = {
        "number": FIELDS["rate"], "text": FIELDS["name"], "part": FIELDS["other"],
        "a": FIELDS["due"], "b": FIELDS["start"], "day": FIELDS["due"], "moment": FIELDS["created"],
    }  # fmt: skip
    for one in FUNCTIONS.values():
        assert parse(one.usage, names).uses


def test_expressions_that_grow_by_building_on_each_other_are_refused():
    names = {f"f{n}": field(f"f{n}", "integer") for n in range(99)}
    for text in ("+".join(["{0}"] * 10), "round({0} / 3)", "{0}"):
        cost = together(parse("quantity", FIELDS), {})
        with pytest.raises(Refused, match="too many other formulas"):
            for name in names:
                cost = together(parse(text.format(name), names), {name: cost})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("price * 2", {"price"}),
        ('"price" + name', {"name"}),
        ("customer.name", {"customer", "customer.name"}),
        ("1 if done else round(rate, 2)", {"done", "round", "rate"}),
    ],
)
def test_the_names_in_an_expression_are_known_before_their_types_are(text, names):
    assert mentioned(text) == names


def test_around_has_a_value_for_every_name_that_is_always_there(app):
    from tests.expressions.conftest import Person

    with app.app_context():
        assert expressions.around().keys() == CLOCK.keys()
        assert expressions.around(Person(), ("staff",)).keys() == expressions.AROUND.keys()
