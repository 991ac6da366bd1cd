"""/tools/equipment/: who has which piece of equipment, and until when. The reference for a tool.

Two models make two tables of the catalog: their lists, records, forms, search, history, undo, import
and export are the engine's, at /tools/equipment/item/ and …/loan/. Here is only what is their own.
Calls go one way, `models ← services ← forms, views`:

    models     what is stored, the rule that holds by every door, and what a record shows besides
    services   what lending does, in words of the tool; the engine asks for the right, and writes
    forms      what a person types to lend an item
    views      HTTP only: check out, check in, who is overdue, loans a month
    loading    `flask equipment load`: a list that somebody has, whatever its columns are called
    example    made-up data to try it with, and the way to be rid of it

The engine's pages of a table include `templates/equipment/<table>_list.html` and `<table>_record.html`.
Delete this folder, `templates/equipment/` and `tests/equipment/`, and the tool is gone.
"""

from flask import Blueprint

from app.pages import Offer

bp = Blueprint("equipment", __name__, url_prefix="/tools/equipment", cli_group="equipment")

from blueprints.equipment import commands, example, views  # noqa: E402, F401

OFFERS = [
    Offer(
        "See a tool at work: equipment that is lent and returned, with forty made-up items.",
        "Load the example",
        "equipment.load_example",
        example.nothing_yet,
    )
]
