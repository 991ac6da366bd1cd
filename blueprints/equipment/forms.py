"""What a person types to lend an item. Each input is made, read and explained by the field's type."""

from __future__ import annotations

from typing import Any

from app.clock import today
from app.forms import Form
from app.permissions import Actor
from blueprints.equipment import services
from blueprints.equipment.models import USUAL_LOAN

ASKED = ("borrower", "due_on", "note")


class LoanForm(Form):
    """Who takes an item, and until when; `loan_form` adds an input for each field that is asked."""

    def values(self) -> dict[str, Any]:
        """What was typed, by field."""
        return {name: self[name].data for name in ASKED}


def loan_form(actor: Actor) -> LoanForm:
    """The form as it was sent; at first, for whoever asks and for two weeks."""
    fields = services.table(actor, "loan", "create").table.by_name
    inputs = {name: fields[name].type.input(fields[name]) for name in ASKED}
    made: type[LoanForm] = type("LoanForm", (LoanForm,), inputs)
    return made(data={"borrower": actor.name, "due_on": today() + USUAL_LOAN})
