"""Rules in words: every expression that can be read has some, and the usual ones read well."""

from __future__ import annotations

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from app import expressions
from app.expressions import Refused, words
from tests.expressions import test_laws as laws
from tests.expressions.conftest import FIELDS


def in_words(text: str) -> str:
    return words.of(expressions.parse(text, FIELDS))


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("owner == me", "Owner is the person who asks"),
        ('status != "Done"', "Status is not Done"),
        ("name in me.roles", "Name is one of their roles"),
        ("name not in me.roles", "Name is none of their roles"),
        ('status in ("Open", "Done")', "Status is one of Open or Done"),
        ("due is None", "Due is blank"),
        ("due is not None", "Due is not blank"),
        ("due < today", "Due is before today"),
        ("due >= today - 7", "Due is not before today minus 7"),
        ("created <= now", "Created is not after now"),
        ("due - start > 7", "Due minus Start is more than 7"),
        ("not due < today", "Due is not before today"),
        ("quantity > 12.50", "Quantity is more than 12.50"),
        ("1 < quantity <= 5", "1 is less than Quantity and Quantity is at most 5"),
        ("done", "Done is yes"),
        ("not done", "Done is no"),
        ("done == True", "Done is yes"),
        ("owner == me or done and due is None", "Owner is the person who asks or (Done is yes and Due is blank)"),
        ("not (done and due is None)", "It is not so that Done is yes and Due is blank"),
        ('contains(name, "a & b")', "Name contains “a & b”"),
        ('not startswith(name, "SO")', "Name does not begin with SO"),
        ("name == me.name", "Name is their name"),
        ("year(due) == 2026", "The year of Due is 2026"),
        ("(quantity + 1) * 2 > 3", "(Quantity plus 1) times 2 is more than 3"),
        ("round(rate, 2)", "Rate rounded to 2 decimals"),
        ("coalesce(due, start, today)", "The first of Due, Start and today that is not blank"),
        ('"late" if due < today else "fine"', "(late if Due is before today, otherwise fine)"),
        ("True", "Always"),
    ],
)  # fmt: skip
def test_a_rule_is_told_in_words(rule, told):
    assert in_words(rule) == told


@given(st.one_of(laws.grow(3)))
def test_every_expression_that_can_be_read_has_words(grown):
    try:
        told = in_words(grown.text)
    except Refused:
        reject()
    assert told[:1] == told[:1].upper() and told.strip() == told
    assert "ast." not in told and "None" not in told


@pytest.mark.parametrize("name", expressions.FUNCTIONS)
def test_every_function_has_words(name):
    assert name in words.TESTS or name in words.MADE or name in words.CHOSEN
