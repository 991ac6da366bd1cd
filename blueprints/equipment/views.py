"""The pages: HTTP only. Each function reads what was asked, calls one service and answers."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask.views import MethodView
from werkzeug.exceptions import BadRequest

from app.clock import day, today
from app.errors import Conflict, app_error, wants_json
from app.pages import flash_undo
from app.permissions import requires
from blueprints.equipment import bp, example, services
from blueprints.equipment.forms import WAS, ItemForm, LoanForm
from blueprints.equipment.models import Item

ITEM = "/item/<int(max=2147483647):item_id>"
LOAN = "/loan/<int(max=2147483647):loan_id>"


@bp.get("/")
@requires("list", "equipment")
def index() -> Any:
    """The tool begins with its list of items."""
    return redirect(url_for("equipment.items"))


# Items -----------------------------------------------------------------------------------------


@bp.get("/item/")
@requires("list", "equipment")
def items() -> Any:
    """The list: what there is, and where it is."""
    _knows("q", "sort", "page")
    q, sort = _search(), _sort()
    page = services.items(g.actor, q, sort, _page_number())
    return render_template("equipment/items.html", page=page, q=q, sort=sort, today=today())


@bp.get(ITEM)
@requires("read", "equipment")
def item(item_id: int) -> Any:
    """One item: what it is, who has it, who had it."""
    return _record(item_id, LoanForm(borrower=g.actor.name))


@bp.route("/item/new", methods=["GET", "POST"])
@requires("create", "equipment")
def new_item() -> Any:
    """Add an item."""
    form = ItemForm()
    if form.validate_on_submit():
        with form.showing_errors():
            new = services.add_item(g.actor, form.values())
            flash(f"{new.code} added", "ok")
            return redirect(url_for("equipment.item", item_id=new.id), 303)
    return _item_form(form, None)


class EditItem(MethodView):
    """Change an item: the form, and what becomes of it."""

    decorators = [requires("update", "equipment")]
    init_every_request = False

    def get(self, item_id: int) -> Any:
        """The form, with the item as it is now."""
        item = services.item(g.actor, item_id)
        return _item_form(ItemForm(obj=item), item)

    def post(self, item_id: int) -> Any:
        """Save. Where somebody else has saved in between, show both values and let choose."""
        form = ItemForm()
        if form.validate_on_submit():
            with form.showing_errors():
                item = services.edit_item(g.actor, item_id, form.values(), form.version.data)
                flash(f"{item.code} saved", "ok")
                return redirect(url_for("equipment.item", item_id=item_id), 303)
        return _item_form(form, services.item(g.actor, item_id))


bp.add_url_rule(f"{ITEM}/edit", view_func=EditItem.as_view("edit_item"))


@bp.errorhandler(services.Stale)
def stale(error: services.Stale) -> Any:
    """What was typed and what is stored, side by side, in a form that can be sent again."""
    form, item = ItemForm(), error.item
    different = form.differences(item, ItemForm(prefix=WAS))
    now = ItemForm(None, prefix=WAS, obj=item).texts()
    page = {"form": form, "item": item, "different": different, "was": now}
    return render_template("equipment/conflict.html", **page), error.status


# Loans -----------------------------------------------------------------------------------------


@bp.post(f"{ITEM}/check-out")
@requires("update", "equipment")
def check_out(item_id: int) -> Any:
    """Lend an item: at once, with a way back."""
    form = LoanForm()
    if form.validate_on_submit():
        with form.showing_errors():
            loan = services.check_out(g.actor, item_id, *form.values())
            words = f"Checked out to {loan.borrower} until {day(loan.due_on)}"
            flash_undo(words, url_for("equipment.undo_check_out", loan_id=loan.id))
            return redirect(url_for("equipment.item", item_id=item_id), 303)
    return _record(item_id, form)


@bp.post(f"{ITEM}/check-in")
@requires("update", "equipment")
def check_in(item_id: int) -> Any:
    """Take an item back: at once, with a way back."""
    loan = services.check_in(g.actor, item_id, request.form.get("loan", type=int))
    words = f"Checked in from {loan.borrower}"
    flash_undo(words, url_for("equipment.undo_check_in", loan_id=loan.id))
    return redirect(url_for("equipment.item", item_id=item_id), 303)


@bp.post(f"{LOAN}/undo-check-out")
@requires("update", "equipment")
def undo_check_out(loan_id: int) -> Any:
    """The item was never lent."""
    loan = services.undo_check_out(g.actor, loan_id)
    flash("Undone: the loan is gone", "ok")
    return redirect(url_for("equipment.item", item_id=loan.item_id), 303)


@bp.post(f"{LOAN}/undo-check-in")
@requires("update", "equipment")
def undo_check_in(loan_id: int) -> Any:
    """The item was never given back."""
    loan = services.undo_check_in(g.actor, loan_id)
    flash(f"Undone: {loan.borrower} still has it", "ok")
    return redirect(url_for("equipment.item", item_id=loan.item_id), 303)


@bp.errorhandler(Conflict)
def refused(error: Conflict) -> Any:
    """Somebody was faster: say so on the item's page, as the item is now."""
    item_id = (request.view_args or {}).get("item_id")
    if item_id is None or wants_json():
        return app_error(error)
    return _record(item_id, LoanForm(), refused=error.detail)[0], error.status


@bp.get("/loan/overdue")
@requires("list", "equipment")
def overdue() -> Any:
    """What should have been back by now."""
    _knows("page")
    page = services.overdue(g.actor, _page_number())
    return render_template("equipment/overdue.html", page=page, today=today())


@bp.get("/loan/months")
@requires("list", "equipment")
def months() -> Any:
    """How many loans began in each of the last twelve months."""
    return render_template("equipment/months.html", months=services.loans_a_month(g.actor))


# The example -----------------------------------------------------------------------------------


@bp.post("/example")
@requires("import", "equipment")
def load_example() -> Any:
    """Load the made-up items and loans."""
    items, loans = example.load(g.actor)
    words = (
        f"{items} example items and {loans} loans loaded"
        if items
        else "The example is here already"
    )
    flash(words, "ok")
    return redirect(url_for("equipment.items"), 303)


@bp.post("/example/remove")
@requires("import", "equipment")
def remove_example() -> Any:
    """Remove them again; what people have added or changed stays."""
    items, loans = example.remove(g.actor)
    flash_undo(
        f"{items} example items and {loans} loans removed", url_for("equipment.load_example")
    )
    return redirect(url_for("equipment.items"), 303)


# Helpers ---------------------------------------------------------------------------------------


def _record(item_id: int, form: LoanForm, refused: str = "") -> Any:
    record = services.record(g.actor, item_id)
    values = {"record": record, "form": form, "refused": refused, "today": today()}
    return render_template("equipment/item.html", **values), form.status


def _item_form(form: ItemForm, item: Item | None) -> Any:
    was = ItemForm(prefix=WAS, obj=item).texts() if item else {}
    return render_template("equipment/item_form.html", form=form, item=item, was=was), form.status


def _knows(*names: str) -> None:
    """Refuse an address with other parameters: a filter that does nothing would mislead."""
    for name in request.args.keys() - set(names):
        raise BadRequest(f"This list knows {', '.join(names)}, but not “{name}”.")


def _search() -> str:
    text = request.args.get("q", "").strip()
    if len(text) > 200:
        raise BadRequest("What is searched for must be 200 characters or fewer.")
    return text


def _sort() -> str:
    sort = request.args.get("sort", "code")
    if sort.removeprefix("-") not in services.SORTS:
        raise BadRequest(f"This list sorts by {', '.join(services.SORTS)}, not by “{sort}”.")
    return sort


def _page_number() -> int:
    text = request.args.get("page", "1")
    if not (text.isdecimal() and 0 < int(text[:9]) < 1_000_000):
        raise BadRequest(f"page is a number from 1, not “{text}”.")
    return int(text)
