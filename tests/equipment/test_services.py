"""The rules of lending, on SQLite and on PostgreSQL where one answers."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.clock import today
from app.database import writing
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.extensions import db, utcnow
from app.permissions import Actor
from blueprints.equipment import services
from blueprints.equipment.models import Item, Loan
from tests.equipment.conftest import add

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

quietly = hypothesis.settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


def soon() -> date:
    return today() + timedelta(days=7)


def messages(raised: Any) -> dict[str, str]:
    return dict(raised.value.errors)


def empty_tables() -> None:
    with writing() as session:
        session.execute(sa.delete(Loan))
        session.execute(sa.delete(Item))


def open_loans() -> dict[int, int]:
    """Item → how many open loans it has, for those that have any."""
    query = sa.select(Loan.item_id, sa.func.count()).where(Loan.is_open()).group_by(Loan.item_id)
    return dict(db.session.execute(query).all())


# Who has it ------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["out", "in", "undo out", "undo in"]), st.integers(0, 2), st.integers(0, 30)
    ),
    max_size=14,
)


@quietly
@hypothesis.given(steps=STEPS)
def test_whatever_is_done_an_item_is_out_on_one_loan_at_most(context, actor, steps):
    empty_tables()
    ids = [add(actor, f"X{number}") for number in range(3)]
    out: dict[int, bool] = dict.fromkeys(ids, False)
    for what, place, which in steps:
        item_id = ids[place]
        loans = db.session.scalars(Loan.of_item(item_id)).all()
        if what.startswith("undo") and not loans:
            continue
        was_out = out[item_id]
        try:
            act(actor, what, item_id, loans[which % len(loans)].id if loans else 0)
            out[item_id] = what in ("out", "undo in")
            assert out[item_id] != was_out
        except Conflict:
            assert what.startswith("undo") or was_out == (what == "out")
        assert open_loans() == {item_id: 1 for item_id in ids if out[item_id]}


def act(actor, what, item_id, loan_id):
    match what:
        case "out":
            services.check_out(actor, item_id, "Ada", soon())
        case "in":
            services.check_in(actor, item_id)
        case "undo out":
            services.undo_check_out(actor, loan_id)
        case "undo in":
            services.undo_check_in(actor, loan_id)


def test_of_two_people_at_once_exactly_one_gets_it(either, actor):
    with either.app_context():
        item_id = add(actor, "CAM-001")
    start, answers = threading.Barrier(4), []

    def ask(name: str) -> None:
        with either.app_context():
            start.wait()
            try:
                answers.append(services.check_out(actor, item_id, name, soon()).borrower)
            except Conflict as error:
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
    with either.app_context():
        assert open_loans() == {item_id: 1}


def test_the_database_itself_refuses_a_second_open_loan(either, actor):
    with either.app_context():
        item_id = add(actor, "CAM-001")
        services.check_out(actor, item_id, "Ada", soon())
        with pytest.raises(IntegrityError), writing() as session:
            session.add(Loan(item_id=item_id, borrower="Ben", lent_at=utcnow(), due_on=soon()))
        assert open_loans() == {item_id: 1}


def test_a_second_open_loan_that_only_the_database_sees_is_a_conflict(either, actor, monkeypatch):
    with either.app_context():
        item_id = add(actor, "CAM-001")
        services.check_out(actor, item_id, "Ada", soon())
        monkeypatch.setattr(services, "_refuse_if_out", lambda item: None)
        with pytest.raises(Conflict, match="at the same moment"):
            services.check_out(actor, item_id, "Ben", soon())
        assert open_loans() == {item_id: 1}


def test_an_item_that_is_out_says_who_has_it_since_when_and_until_when(context, actor, camera):
    services.check_out(actor, camera, "Ada Quist", soon())
    with pytest.raises(Conflict) as refused:
        services.check_out(actor, camera, "Ben", soon())
    from app.pages import day

    words = f"Ada Quist has had it since {day(today())}; it is due {day(soon())}."
    assert refused.value.detail == f"CAM-001 is out. {words}"


def test_an_item_that_is_in_cannot_be_checked_in(context, actor, camera):
    with pytest.raises(Conflict, match="CAM-001 is in"):
        services.check_in(actor, camera)


def test_checking_in_a_loan_that_has_ended_leaves_the_next_one_alone(context, actor, camera):
    seen = services.check_out(actor, camera, "Ada", soon())
    services.check_in(actor, camera, seen.id)
    services.check_out(actor, camera, "Ben", soon())
    with pytest.raises(Conflict, match="Ben"):
        services.check_in(actor, camera, seen.id)
    assert open_loans() == {camera: 1}


def test_undoing_a_check_out_leaves_nothing_behind(context, actor, camera):
    services.undo_check_out(actor, services.check_out(actor, camera, "Ada", soon()).id)
    assert services.record(actor, camera).loans == []


def test_undoing_a_check_in_gives_the_same_loan_back(context, actor, camera):
    loan = services.check_out(actor, camera, "Ada", soon())
    services.check_in(actor, camera)
    services.undo_check_in(actor, loan.id)
    assert services.record(actor, camera).open_loan.id == loan.id


def test_a_check_in_cannot_be_undone_once_somebody_else_has_the_item(context, actor, camera):
    loan = services.check_out(actor, camera, "Ada", soon())
    services.check_in(actor, camera)
    services.check_out(actor, camera, "Ben", soon())
    with pytest.raises(Conflict, match="Ben"):
        services.undo_check_in(actor, loan.id)


def test_a_check_out_cannot_be_undone_once_the_item_is_back(context, actor, camera):
    loan = services.check_out(actor, camera, "Ada", soon())
    services.check_in(actor, camera)
    with pytest.raises(Conflict, match="history"):
        services.undo_check_out(actor, loan.id)


@pytest.mark.parametrize("returned", [False, True])
def test_after_an_hour_nothing_is_undone(context, actor, camera, monkeypatch, returned):
    loan = services.check_out(actor, camera, "Ada", soon())
    if returned:
        services.check_in(actor, camera)
    later = utcnow() + timedelta(minutes=61)
    monkeypatch.setattr(services, "utcnow", lambda: later)
    undo = services.undo_check_in if returned else services.undo_check_out
    with pytest.raises(Conflict, match="an hour"):
        undo(actor, loan.id)


@pytest.mark.parametrize("days", [0, 365])
def test_a_due_date_from_today_to_a_year_ahead_is_taken(context, actor, camera, days):
    due = today() + timedelta(days=days)
    assert services.check_out(actor, camera, "Ada", due).due_on == due


@pytest.mark.parametrize("days", [-1, 366])
def test_another_due_date_is_refused_in_words(context, actor, camera, days):
    with pytest.raises(Invalid) as refused:
        services.check_out(actor, camera, "Ada", today() + timedelta(days=days))
    assert messages(refused)["due_on"].startswith("Due date must be from today to ")
    assert open_loans() == {}


def test_a_borrower_with_the_name_of_one_person_is_that_person(context, actor, camera):
    assert services.check_out(actor, camera, "bob brown", soon()).person_id == 2
    services.check_in(actor, camera)
    assert services.check_out(actor, camera, "Charlie Clark", soon()).person_id is None  # disabled


# Overdue and months ----------------------------------------------------------------------------


def test_overdue_is_due_before_today_and_not_returned(context, actor):
    for code, days, back in (("A", -1, False), ("B", 0, False), ("C", -9, False), ("D", -9, True)):
        with writing() as session:
            due, now = today() + timedelta(days=days), utcnow()
            item = Item(code=code, name=code)
            session.add(item)
            session.flush()
            returned = now if back else None
            session.add(
                Loan(item_id=item.id, borrower="x", lent_at=now, due_on=due, returned_at=returned)
            )
    page = services.overdue(actor)
    assert [item.code for _, item in page.rows] == ["C", "A"]
    assert page.found == 2
    assert all(loan.is_overdue(today()) for loan, _ in page.rows)


@pytest.mark.parametrize(("zone", "late"), [("Pacific/Kiritimati", True), ("Pacific/Niue", False)])
def test_a_loan_is_overdue_by_the_day_in_the_workspaces_time_zone(
    context, actor, camera, zone, late, monkeypatch
):
    """At noon of 1 June in London it is 2 June on Kiritimati and 1 June on Niue."""
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    monkeypatch.setattr("app.clock.utcnow", lambda: noon)
    context.config["ROUNDTRIP_TIMEZONE"] = zone
    with writing() as session:
        loan = Loan(item_id=camera, borrower="x", lent_at=noon, due_on=date(2026, 6, 1))
        session.add(loan)
    assert services.overdue(actor).found == (1 if late else 0)


def test_every_loan_of_the_last_year_is_counted_in_one_month(either, actor):
    with either.app_context():
        item_id = add(actor, "CAM-001")
        with writing() as session:
            for days in range(1, 300, 7):
                then = utcnow() - timedelta(days=days)
                session.add(
                    Loan(
                        item_id=item_id, borrower="x", lent_at=then, due_on=then.date(),
                        returned_at=then,
                    )
                )  # fmt: skip
        months = services.loans_a_month(actor)
        assert len(months) == 12
        assert sum(count for _, count in months) == len(range(1, 300, 7))
        assert months[-1][0] == f"{today():%b %Y}"


def test_a_month_begins_at_midnight_in_the_workspaces_time_zone(
    context, actor, camera, monkeypatch
):
    context.config["ROUNDTRIP_TIMEZONE"] = "Europe/Berlin"
    monkeypatch.setattr("app.clock.utcnow", lambda: datetime(2026, 6, 15, tzinfo=UTC))
    with writing() as session:  # half past midnight on 1 June in Berlin
        then = datetime(2026, 5, 31, 22, 30, tzinfo=UTC)
        session.add(Loan(item_id=camera, borrower="x", lent_at=then, due_on=then.date()))
    assert services.loans_a_month(actor)[-2:] == [("May 2026", 0), ("Jun 2026", 1)]


# Items -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "limit"), [("code", 40), ("name", 120), ("note", 2_000)])
def test_a_text_of_just_the_length_is_taken_and_a_longer_one_refused(context, actor, field, limit):
    values = {"code": "A", "name": "A"}
    services.check_item(services.ItemValues(**{**values, field: "x" * limit}))
    with pytest.raises(Invalid) as refused:
        services.check_item(services.ItemValues(**{**values, field: "x" * (limit + 1)}))
    words = f"{field.capitalize()} must be {limit:,} characters or fewer, not {limit + 1:,}"
    assert messages(refused) == {field: words}


def test_every_text_column_is_bounded():
    texts = [c for m in (Item, Loan) for c in m.__table__.c if isinstance(c.type, sa.String)]
    assert texts and all(column.type.length for column in texts)


def test_everything_that_is_wrong_is_said_at_once(context, actor):
    with pytest.raises(Invalid) as refused:
        services.add_item(actor, services.ItemValues(" ", "", kind="\0", year=1799))
    assert set(messages(refused)) == {"code", "name", "kind", "year"}


def test_no_two_items_share_a_code(either, actor):
    with either.app_context():
        first = add(actor, "CAM-001")
        second = add(actor, "CAM-002")
        with pytest.raises(Invalid) as refused:
            add(actor, "CAM-001")
        assert "CAM-001" in messages(refused)["code"]
        with pytest.raises(Invalid):
            services.edit_item(actor, second, services.ItemValues("CAM-001", "x"), 1)
        assert services.item(actor, first).name == "Camera"


def test_an_edit_of_an_old_version_changes_nothing(either, actor):
    with either.app_context():
        item_id = add(actor, "CAM-001")
        services.edit_item(actor, item_id, services.ItemValues("CAM-001", "First"), 1)
        with pytest.raises(services.Stale) as stale:
            services.edit_item(actor, item_id, services.ItemValues("CAM-001", "Second"), 1)
        assert (stale.value.item.name, stale.value.item.version) == ("First", 2)
        assert services.item(actor, item_id).name == "First"


def test_lending_does_not_make_an_open_edit_form_stale(context, actor, camera):
    services.check_out(actor, camera, "Ada", soon())
    services.edit_item(actor, camera, services.ItemValues("CAM-001", "New name"), 1)


def test_what_does_not_exist_is_not_found(context, actor):
    values = services.ItemValues("A", "A")
    for ask in (
        lambda: services.item(actor, 99),
        lambda: services.record(actor, 99),
        lambda: services.edit_item(actor, 99, values, 1),
        lambda: services.check_out(actor, 99, "Ada", soon()),
        lambda: services.check_in(actor, 99),
        lambda: services.undo_check_out(actor, 99),
        lambda: services.undo_check_in(actor, 99),
        lambda: services.items(actor, number=2),
    ):
        with pytest.raises(NotFound):
            ask()


def test_nobody_without_the_right_gets_anything():
    nobody: Any = None
    values = services.ItemValues("A", "A")
    for ask in (
        lambda: services.items(nobody),
        lambda: services.record(nobody, 1),
        lambda: services.add_item(nobody, values),
        lambda: services.edit_item(nobody, 1, values, 1),
        lambda: services.check_out(nobody, 1, "Ada", date.max),
        lambda: services.check_in(nobody, 1),
        lambda: services.overdue(nobody),
        lambda: services.loans_a_month(nobody),
    ):
        with pytest.raises(Forbidden):
            ask()


# The list --------------------------------------------------------------------------------------

SHORT = st.text("abAB%_/\\ 1é'", min_size=1, max_size=4)


@quietly
@hypothesis.given(names=st.lists(SHORT, min_size=1, max_size=6), text=SHORT)
def test_search_finds_just_what_contains_the_text_letter_for_letter(context, actor, names, text):
    empty_tables()
    with writing() as session:
        session.add_all([Item(code=f"#{place}", name=name) for place, name in enumerate(names)])
    wanted = text.strip().lower()
    expected = {f"#{p}" for p, name in enumerate(names) if wanted in name.lower()}
    expected |= {f"#{p}" for p in range(len(names)) if wanted in f"#{p}"}
    found = services.items(actor, text)
    assert {item.code for item, _ in found.rows} == expected
    assert (found.found, found.total) == (len(expected), len(names))


def test_each_sort_puts_blanks_last_and_shows_every_item_once(either, actor):
    with either.app_context():
        for place, word in enumerate(["b", "", "A", "c", "", "B"]):
            values = {"kind": word, "maker": word, "model": word, "year": 2000 + place}
            add(actor, f"{place}", word or "-", **values)
        add(actor, "z", "z")
        for sort in [sort for name in services.SORTS for sort in (name, f"-{name}")]:
            rows = [item for item, _ in services.items(actor, sort=sort).rows]
            assert len({item.id for item in rows}) == 7
            values = [getattr(item, sort.lstrip("-")) for item in rows]
            filled = [str(value).lower() for value in values if value not in ("", None)]
            assert filled == sorted(filled, reverse=sort.startswith("-")), sort
            assert all(value in ("", None) for value in values[len(filled) :]), sort


def test_pages_follow_each_other_without_gap_or_overlap(context, actor, many):
    many(120)
    pages = [services.items(actor, number=number) for number in (1, 2, 3)]
    assert [(page.first, page.last) for page in pages] == [(1, 50), (51, 100), (101, 120)]
    assert len({item.id for page in pages for item, _ in page.rows}) == 120


def test_each_item_in_the_list_stands_beside_its_open_loan(context, actor: Actor, many):
    many(30)
    for item, loan in services.items(actor).rows:
        assert (loan is not None) == (item.id in open_loans())
        assert loan is None or loan.item_id == item.id
