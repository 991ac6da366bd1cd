"""The pages that are the tool's own: HTTP only. Each calls one service and answers.

Which of its tables an actor may use is asked there, so the routes are open to all who have signed in.
"""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, request, url_for

from app.clock import day
from app.pages import flash_undo
from app.permissions import by_table
from blueprints.equipment import bp, example, services
from blueprints.equipment.forms import loan_form
from blueprints.equipment.models import Loan


@bp.get("/")
@by_table
def index() -> Any:
    """The tool begins with its list of items."""
    return redirect(_url("list_records", "item"), 303)


@bp.route("/item/<int(max=2147483647):item_id>/check-out", methods=["GET", "POST"])
@by_table
def check_out(item_id: int) -> Any:
    """Lend an item: at once, with a way back."""
    item, form = services.item(g.actor, item_id), loan_form(g.actor)
    back = _url("record", "item", record_id=item_id)
    if form.validate_on_submit():
        with form.showing_errors():
            loan = services.check_out(g.actor, item_id, form.values())
            _say(f"Checked out to {loan.borrower} until {day(loan.due_on)}", loan)
            return redirect(back, 303)
    page = render_template("equipment/check_out.html", form=form, item=item, back=back)
    return page, form.status


@bp.post("/loan/<int(max=2147483647):loan_id>/check-in")
@by_table
def check_in(loan_id: int) -> Any:
    """Take an item back: at once, with a way back."""
    loan = services.check_in(g.actor, loan_id, request.form.get("version", 0, int))
    _say(f"Checked in from {loan.borrower}", loan)
    return redirect(_url("record", "item", record_id=loan.item_id), 303)


@bp.get("/loan/overdue")
@by_table
def overdue() -> Any:
    """What should have been back by now."""
    return render_template("equipment/overdue.html", rows=services.overdue(g.actor))


@bp.get("/loan/months")
@by_table
def months() -> Any:
    """How many loans began in each of the last twelve months."""
    return render_template("equipment/months.html", months=services.loans_a_month(g.actor))


@bp.post("/example")
@by_table
def load_example() -> Any:
    """Load the made-up items and loans."""
    items, loans = example.load(g.actor)
    loaded = f"{items} example items and {loans} loans loaded"
    flash(loaded if items else "The example is here already", "ok")
    return redirect(_url("list_records", "item"), 303)


@bp.post("/example/remove")
@by_table
def remove_example() -> Any:
    """Remove them again; what people have added, changed or lent stays."""
    items, loans = example.remove(g.actor)
    removed = f"{items} example items and {loans} loans removed"
    flash_undo(removed, url_for("equipment.load_example"))
    return redirect(_url("list_records", "item"), 303)


def _url(endpoint: str, table: str, **values: Any) -> str:
    """A page of the engine's of one of the tool's tables."""
    return url_for(f"tools.{endpoint}", tool="equipment", table=table, **values)


def _say(words: str, loan: Loan) -> None:
    """What was done to a loan, with the engine's way back."""
    change_id = services.last_change(g.actor, loan)
    flash_undo(words, _url("undo", "loan", record_id=loan.id, change_id=change_id))
