"""A tool with a list page of its own, and its own part of the engine's record page."""

from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import Blueprint

from app.extensions import db
from app.permissions import signed_in
from app.tables.written import Options

bp = Blueprint("parcels", __name__, url_prefix="/tools/parcels", template_folder="templates")


class Shelf(db.Model):
    __options__ = Options(label="Shelves", access="edit")

    name: so.Mapped[str]


class Parcel(db.Model):
    __options__ = Options(access="edit")

    name: so.Mapped[str]
    shelf_id: so.Mapped[int | None] = so.mapped_column(sa.ForeignKey(Shelf.id, ondelete="SET NULL"))
    box_id: so.Mapped[int | None] = so.mapped_column(
        sa.ForeignKey("parcels__parcel.id", ondelete="CASCADE")
    )
    keeper_id: so.Mapped[int | None] = so.mapped_column(sa.ForeignKey("person.id"))

    def extra_context(self) -> dict[str, Any]:
        """What the template beside shows."""
        return {"shelf": f"Shelf {len(self.name)}"}


@bp.get("/parcel/")
@signed_in
def shelves() -> str:
    """In the place of the list."""
    return "All shelves"
