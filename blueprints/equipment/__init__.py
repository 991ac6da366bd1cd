"""/tools/equipment/: who has which piece of equipment, and until when. The reference for a tool.

A tool written in plain Flask, to be read and copied. Calls go one way, `models ← services ← views`:

    models     what is stored, and the queries that have a name
    services   the rules; they take an Actor and plain values, and they alone write
    forms      what a person types, turned into those values
    views      HTTP only: each calls one service
    loading    `flask equipment load`: a CSV file into the table, line by line (commands, loading)
    example    made-up data to try it with, and the way to be rid of it

Delete this folder, `templates/equipment/` and `tests/equipment/`, and the tool is gone.
"""

from flask import Blueprint

from app.pages import Nav, Offer

bp = Blueprint("equipment", __name__, url_prefix="/tools/equipment", cli_group="equipment")

NAV = [Nav("Tools", "Equipment", "equipment.items", "list")]

from blueprints.equipment import commands, services, views  # noqa: E402, F401

OFFERS = [
    Offer(
        "See a tool at work: equipment that is lent and returned, with forty made-up items.",
        "Load the example",
        "equipment.load_example",
        services.nothing_yet,
        "import",
    )
]
