"""Expressions in statements: shown, filtered, sorted and grouped by, with statements that are kept."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from app.expressions import condition, parse
from app.fields import Exact
from tests.expressions.conftest import AROUND, FIELDS, TABLE, field

COLUMNS = {**TABLE.c, **AROUND}
ORDERS: list[dict[str, Any]] = [
    {"quantity": 3, "price": Decimal("2.50"), "name": "a", "owner": 7, "status": "Open"},
    {"quantity": 1, "price": Decimal("9.99"), "name": "b", "owner": 8, "status": "Done"},
    {"quantity": 2, "name": "c", "owner": 7},
]


def sql(text: str) -> Any:
    return parse(text, FIELDS).sql(COLUMNS)


def test_a_formula_is_shown_filtered_sorted_and_grouped_by(sheet):
    sheet.fill(*ORDERS, ORDERS[0])
    total = sql("quantity * price")
    query = sa.select(total, sa.func.count()).where(total > Decimal("7")).group_by(total)
    found = sheet.connection.execute(query.order_by(total.desc())).tuples().all()
    assert found == [(Decimal("9.99"), 1), (Decimal("7.50"), 2)]
    grade = sql('"large" if quantity * price > 9 else "small"')
    query = sa.select(grade, sa.func.count()).group_by(grade).order_by(grade)
    assert sheet.connection.execute(query).tuples().all() == [("large", 1), ("small", 3)]


def test_the_type_of_a_result_filters_and_sorts_as_a_field_of_it_does(sheet):
    sheet.fill(*ORDERS)
    made = parse('name + "!"', FIELDS)
    found = made.field.type.lookups["contains"].build(made.sql(COLUMNS), "B!")
    assert list(sheet.connection.scalars(sa.select(TABLE.c.id).where(found))) == [1]
    key = made.field.type.order(made.sql(COLUMNS))
    assert list(sheet.connection.scalars(sa.select(TABLE.c.id).order_by(key.desc()))) == [2, 1, 0]


def test_a_rule_finds_ones_own_and_never_what_cannot_be_told(sheet):
    sheet.fill(*ORDERS)
    assert sheet.ids("owner == me") == [0, 2]
    assert sheet.ids("owner != me") == [1]
    assert sheet.ids('status != "Done"') == [0, 2]
    assert sheet.ids("status in me.roles") == [0]
    assert sheet.ids("status not in me.roles") == [1, 2]
    assert sheet.ids("price > 1") == [0, 1]
    assert sheet.ids("not price > 1") == []
    assert sheet.ids("done") == []
    assert sheet.ids("owner == me and 1 < quantity <= 2") == [2]


def test_a_rule_says_no_to_a_record_that_is_bound_where_it_cannot_tell(sheet):
    rule = condition("price > 1", FIELDS).rule({"price": None})
    assert sheet.connection.scalar(sa.select(sa.literal(1)).where(rule)) is None


def test_nobody_has_a_role_where_there_are_none(sheet):
    sheet.fill(*ORDERS)
    rule = condition("status in me.roles", FIELDS).rule({**COLUMNS, "me.roles": []})
    assert not list(sheet.connection.scalars(sa.select(TABLE.c.id).where(rule)))


def test_a_link_is_followed_to_a_column_of_another_table(sheet):
    customer = sa.Table(
        "customer", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("discount", Exact(2))
    )
    customer.create(sheet.connection)
    sheet.connection.execute(customer.insert(), [{"id": 7, "discount": Decimal("12.50")}])
    sheet.fill(*ORDERS)
    names = {**FIELDS, "customer.discount": field("discount", "percent")}
    made = parse("round(price * (1 - customer.discount / 100), 2)", names)
    assert made.uses == {"price": 1, "customer.discount": 1}
    linked = sa.select(customer.c.discount).where(customer.c.id == TABLE.c.owner).scalar_subquery()
    column = made.sql({**COLUMNS, "customer.discount": linked})
    found = sheet.connection.scalars(
        sa.select(column).select_from(TABLE).order_by(TABLE.c.id)
    ).all()
    assert found == [Decimal("2.19"), None, None]


def test_a_formula_builds_on_another(sheet):
    sheet.fill(*ORDERS)
    total = parse("quantity * price", FIELDS)
    tax = parse("round(total * 0.19, 2)", {**FIELDS, "total": total.field})
    columns = {"tax": tax.sql({"total": total.sql(COLUMNS)})}
    found = sheet.connection.scalars(sa.select(columns["tax"]).order_by(TABLE.c.id)).all()
    assert found == [Decimal("1.43"), Decimal("1.90"), None]


def test_the_statement_of_other_constants_and_another_day_is_the_same():
    one = sa.select(sql('(price * 2 > 5 and name == "a") or due + 3 < today'))
    values = {**COLUMNS, "today": date(2030, 1, 1)}
    text = '(price * 7 > 9 and name == "b") or due + 4 < today'
    other = sa.select(parse(text, FIELDS).sql(values))
    third = sa.select(sql('(price * 2 > 5 and name != "a") or due + 3 < today'))
    assert one._generate_cache_key() == other._generate_cache_key()
    assert one._generate_cache_key() != third._generate_cache_key()


@pytest.mark.parametrize(
    "text", ["price / 3", "price * rate + 0.001", "round(fine, 2)", "abs(rate)"]
)
def test_every_part_of_a_formula_lets_its_statement_be_kept(text):
    assert sa.select(sql(text))._generate_cache_key() is not None


def test_a_rule_about_a_column_uses_its_index(database, sheet):
    rule = condition("owner == me", FIELDS).rule(COLUMNS)
    query = sa.select(TABLE.c.id).where(rule)
    if database.dialect.name == "sqlite":
        text = query.compile(database, compile_kwargs={"literal_binds": True})
        plan = sheet.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
        assert "by_owner" in str(plan)
    else:
        sheet.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        text = query.compile(database, compile_kwargs={"literal_binds": True})
        assert "by_owner" in str(sheet.connection.exec_driver_sql(f"EXPLAIN {text}").all())


def test_a_choice_that_a_written_model_keeps_as_enum_is_compared_as_a_text(sheet):
    kind = sa.Enum("Open", "Done", name="state")
    table = sa.Table("written", sa.MetaData(), sa.Column("status", kind))
    table.create(sheet.connection)
    sheet.connection.execute(table.insert(), [{"status": "Open"}, {"status": None}])
    column = parse('coalesce(status, "none") + "!"', FIELDS).sql({"status": table.c.status})
    assert sorted(sheet.connection.scalars(sa.select(column))) == ["Open!", "none!"]
    rule = condition('status == "Open"', FIELDS).rule({"status": table.c.status})
    assert len(sheet.connection.execute(sa.select(table).where(rule)).all()) == 1


def test_an_empty_text_of_a_written_model_is_blank(sheet):
    sheet.fill({"name": ""}, {"name": "a"}, {})
    assert sheet.all("name is None") == [True, False, True]
    assert sheet.all('coalesce(name, "none")') == ["none", "a", "none"]
    assert sheet.all('name != "a"') == [True, False, True]
    assert sheet.all('name + "x"') == [None, "ax", None]


def test_numbers_stay_exact_where_64_bits_end(sheet):
    most = 10**15 - 1
    sheet.fill(
        {"quantity": most, "price": Decimal("9999999999999.99"), "fine": Decimal("0.00000001")}
    )
    assert sheet.all("quantity * quantity / quantity == quantity") == [True]
    assert sheet.all("quantity * quantity > quantity * quantity - 1") == [True]
    assert sheet.all("quantity * quantity * quantity * quantity") == [None]
    assert sheet.all("quantity + 0") == [most]
    assert sheet.all("quantity + 1") == [None]
    assert sheet.all("round(price * fine / fine, 2) == price") == [True]
    assert sheet.all("quantity * 999999999999999 * fine > 0") == [True]
    assert sheet.all("1 / 3 * 3") == [Decimal("1.000000")]
    assert sheet.all("0.1 + 0.2 == 0.3") == [True]


def test_halves_are_rounded_away_from_zero(sheet):
    assert [sheet.one(f"round({x})") for x in ("0.5", "1.5", "2.5", "-0.5", "-2.5")] == [
        1,
        2,
        3,
        -1,
        -3,
    ]
    assert sheet.one("price * 0.5", price=Decimal("0.01")) == Decimal("0.01")


def test_days_beyond_the_calendar_are_empty(sheet):
    sheet.fill({"due": date.max, "start": date.min})
    assert sheet.all("due + 1") == sheet.all("start - 1") == [None]
    assert sheet.all("due - 999999999999999 * 10") == [None]
    assert sheet.all("due - start") == [3652058]
    assert sheet.all("start + (due - start) == due") == [True]
    assert sheet.all('due - "2026-01-01" > 0') == [True]


def test_a_text_neither_begins_nor_ends_with_blanks_as_no_text_does(sheet):
    sheet.fill({"name": "a", "other": "b"})
    assert sheet.all('" " + name + " " + other + "\u00a0 "') == ["a b"]
    assert sheet.all('" "') == [None]
