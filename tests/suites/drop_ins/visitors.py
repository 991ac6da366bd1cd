"""About fifteen lines give a tool: what the tests of written tables use."""

from datetime import datetime

import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import Blueprint

from app.errors import Conflict
from app.extensions import db, utcnow
from app.tables.written import Options

bp = Blueprint("visitors", __name__, url_prefix="/tools/visitors")


class Visitor(db.Model):
    __options__ = Options(access="edit", ordering=("-seats",), readonly_fields=("badge",))

    name: so.Mapped[str]
    company: so.Mapped[str] = so.mapped_column(sa.String(80), default="")
    seats: so.Mapped[int] = so.mapped_column(default=1)
    host: so.Mapped[str | None] = so.mapped_column(info={"label": "Who expects them"})
    badge: so.Mapped[str] = so.mapped_column(default=lambda: "B-new")
    raw: so.Mapped[bytes | None]
    expected: so.Mapped[datetime] = so.mapped_column(default=utcnow)

    @so.validates("seats")
    def _few(self, _name: str, value: int) -> int:
        if value > 9:
            raise ValueError("Seats must be 9 or fewer")
        return value

    def clean(self) -> None:
        """Nobody comes from the competition."""
        if self.company == "Evil Inc":
            raise Conflict("Nobody of Evil Inc is let in.")
