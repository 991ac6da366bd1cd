"""The rules of lending, by whatever door a loan comes in."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.clock import day, today
from app.database import writing
from app.errors import AppError, Conflict, Forbidden, Invalid, NotFound
from app.extensions import db, utcnow
from app.models import Person
from app.permissions import SYSTEM
from app.sheets.merging import merge
from app.tables import catalog, history, records
from blueprints.equipment import services
from blueprints.equipment.models import Item, Loan
from tests.equipment.conftest import add, lend, soon

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

quietly = hypothesis.settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


def open_loans() -> dict[int, int]:
    """Item → how many open loans it has, for those that have any."""
    out = sa.select(Loan.item_id, sa.func.count()).where(Loan.returned_at.is_(None))
    return dict(db.session.execute(out.group_by(Loan.item_id)).all())


# Who has it ------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from(["out", "in", "undo", "delete"]), st.integers(0, 1)), max_size=12
)


@quietly
@hypothesis.given(steps=STEPS)
def test_whatever_is_done_an_item_is_out_on_one_loan_at_most(context, actor, steps):
    ids = [add(actor, f"X-{db.session.query(Item).count()}") for _ in range(2)]
    for what, place in steps:
        before = open_loans().get(ids[place], 0)
        try:
            act(actor, what, ids[place])
            assert open_loans().get(ids[place], 0) != before or what in ("undo", "delete")
        except Conflict:
            assert what == "undo" or before == (what == "out")
        assert set(open_loans().values()) <= {1}


def act(actor: Any, what: str, item_id: int) -> None:
    live = services.table(actor, "loan")
    newest = sa.select(Loan).where(Loan.item_id == item_id).order_by(Loan.id.desc())
    loan = db.session.scalar(newest.limit(1))
    if what == "out":
        lend(actor, item_id)
    elif loan is None:
        raise Conflict("there is nothing to act on")
    elif what == "in":
        if loan.returned_at:
            raise Conflict("it is in")
        services.check_in(actor, loan.id, loan.version)
    elif what == "undo":
        records.undo(actor, live, services.last_change(actor, loan))
    else:
        records.delete(actor, live, loan.id, None)


def test_of_several_people_at_once_exactly_one_gets_it(app, actor, camera):
    start, answers = threading.Barrier(4), []

    def ask(name: str) -> None:
        with app.app_context():
            start.wait()
            try:
                answers.append(lend(actor, camera, name).borrower)
            except AppError as error:
                answers.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=ask, args=(f"Person {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [answer for answer in answers if isinstance(answer, str)]
    losers = [answer for answer in answers if isinstance(answer, Conflict)]
    assert (len(winners), len(losers)) == (1, 3)
    assert all(winners[0] in loser.detail for loser in losers)
    with app.app_context():
        assert open_loans() == {camera: 1}


def test_the_database_itself_refuses_a_second_open_loan(context, actor, camera, monkeypatch):
    lend(actor, camera)
    monkeypatch.setattr(Loan, "clean", lambda self: None)
    with pytest.raises(IntegrityError):
        lend(actor, camera, "Ben")
    assert open_loans() == {camera: 1}


def test_an_item_that_is_out_says_who_has_it_since_when_and_until_when(context, actor, camera):
    lend(actor, camera, "Ada Quist")
    with pytest.raises(Conflict) as refused:
        lend(actor, camera, "Ben")
    words = f"Ada Quist has had it since {day(today())}; it is due {day(soon())}."
    assert refused.value.detail == f"CAM-001 is out. {words}"


def test_neither_a_service_nor_an_import_lends_an_item_twice(context, actor, camera, tmp_path):
    lend(actor, camera)
    with pytest.raises(Conflict), writing(), history.acting(actor):
        db.session.add(Loan(item_id=camera, borrower="Ben", due_on=soon()))
    file = tmp_path / "loans.csv"
    file.write_text("Item,Borrower\nCAM-001,Ben\n", encoding="utf-8")
    with pytest.raises(Conflict, match="CAM-001 is out"):
        merge(SYSTEM, services.table(SYSTEM, "loan"), file, mode="add")
    assert open_loans() == {camera: 1}


def test_a_loan_that_has_ended_does_not_begin_again_while_somebody_else_has_the_item(
    context, actor, camera
):
    first = lend(actor, camera)
    services.check_in(actor, first.id, first.version)
    ended = services.last_change(actor, first)
    lend(actor, camera, "Ben")
    with pytest.raises(Conflict, match="Ben"):
        records.undo(actor, services.table(actor, "loan"), ended)


def test_a_loan_is_ended_once_and_only_as_it_was_seen(context, actor, camera):
    loan = lend(actor, camera)
    services.check_in(actor, loan.id, 1)
    for version in (0, 1):
        with pytest.raises(Conflict, match="Somebody else"):
            services.check_in(actor, loan.id, version)


@pytest.mark.parametrize("days", [0, 365])
def test_a_loan_may_be_due_from_the_day_it_begins_to_a_year_after(context, actor, camera, days):
    assert lend(actor, camera, due_on=soon(days)).due_on == soon(days)


@pytest.mark.parametrize("days", [-1, 366])
def test_another_due_day_is_refused_in_words(context, actor, camera, days):
    with pytest.raises(Invalid) as refused:
        lend(actor, camera, due_on=soon(days))
    assert dict(refused.value.errors)["due_on"].startswith(f"Due must be from {day(today())}")
    assert open_loans() == {}


def test_an_item_that_is_not_there_is_not_lent(context, actor):
    with pytest.raises(Invalid, match="#99 of Items, which is not there"):
        lend(actor, 99)


def test_a_borrower_with_the_name_of_one_active_person_is_that_person(context, actor, camera):
    bob = db.session.scalar(sa.select(Person.id).where(Person.name == "Bob Brown"))
    for name, person in (("bob brown", bob), ("Charlie Clark", None), ("Nobody", None)):
        loan = lend(actor, camera, name)
        assert loan.person_id == person
        services.check_in(actor, loan.id, loan.version)


def test_an_item_with_loans_is_not_deleted_from_under_them(context, actor, camera):
    lend(actor, camera)
    with pytest.raises(Conflict, match="1 of Loans by Item"):
        records.delete(actor, services.table(actor, "item"), camera, None)
    assert open_loans() == {camera: 1}


def test_nobody_without_the_right_gets_anything(context, actor, camera):
    for live in (services.table(actor, "item"), services.table(actor, "loan")):
        with writing(), history.acting(actor):
            catalog.declare(live.table.id, live.table.version, live.table, "read")
        catalog.forget()
    assert services.overdue(actor) == []
    with pytest.raises(Forbidden):
        lend(actor, camera)
    for ask in (services.overdue, services.loans_a_month, lambda who: services.item(who, camera)):
        with pytest.raises(NotFound):
            ask(None)


# Overdue and months ----------------------------------------------------------------------------


def lent(actor: Any, when: datetime, **values: Any) -> Loan:
    """A loan of an item of its own, begun at this moment."""
    item_id = add(actor, f"X-{db.session.query(Item).count()}")
    with writing(), history.acting(actor):
        loan = Loan(**{"item_id": item_id, "borrower": "x", "lent_at": when, **values})
        db.session.add(loan)
    return loan


def test_overdue_is_due_before_today_and_not_returned(context, actor):
    long_ago = utcnow() - timedelta(days=20)
    loans = [lent(actor, long_ago, due_on=soon(days)) for days in (-1, 0, -9)]
    lent(actor, long_ago, due_on=soon(-9), returned_at=utcnow())
    assert [loan.id for loan, _item in services.overdue(actor)] == [loans[2].id, loans[0].id]
    assert [loan.days_overdue for loan in loans] == [1, 0, 9]


@pytest.mark.parametrize(("zone", "late"), [("Pacific/Kiritimati", 1), ("Pacific/Niue", 0)])
def test_a_loan_is_overdue_by_the_day_in_the_workspaces_time_zone(
    context, actor, zone, late, monkeypatch
):
    """At noon of 1 June in London it is 2 June on Kiritimati and 1 June on Niue."""
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    monkeypatch.setattr("app.clock.utcnow", lambda: noon)
    context.config["ROUNDTRIP_TIMEZONE"] = zone
    lent(actor, noon - timedelta(days=3), due_on=date(2026, 6, 1))
    assert [loan.days_overdue for loan, _ in services.overdue(actor)] == [1] * late


def test_every_loan_of_the_last_year_is_counted_in_one_month(context, actor):
    days = range(1, 300, 29)
    for ago in days:
        then = utcnow() - timedelta(days=ago)
        lent(actor, then, due_on=soon(10 - ago), returned_at=then)
    months = services.loans_a_month(actor)
    assert len(months) == 12
    assert sum(count for _, count in months) == len(days)
    assert months[-1][0] == f"{today():%b %Y}"


def test_a_month_begins_at_midnight_in_the_workspaces_time_zone(context, actor, monkeypatch):
    context.config["ROUNDTRIP_TIMEZONE"] = "Europe/Berlin"
    monkeypatch.setattr("app.clock.utcnow", lambda: datetime(2026, 6, 15, tzinfo=UTC))
    then = datetime(2026, 5, 31, 22, 30, tzinfo=UTC)  # half past midnight on 1 June in Berlin
    lent(actor, then, due_on=date(2026, 6, 1))
    assert services.loans_a_month(actor)[-2:] == [("May 2026", 0), ("Jun 2026", 1)]


def test_every_text_is_bounded(context):
    for live in (services.table(SYSTEM, "item"), services.table(SYSTEM, "loan")):
        texts = [one for one in live.table.fields if one.type.family == "text"]
        assert texts and all("max" in one.options for one in texts)
