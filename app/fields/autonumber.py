"""Numbers that the app counts out. `app.tables.records` does the counting."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.fields.base import Field, FieldType, Guess
from app.fields.number import LIMIT, Integer


class AutoNumber(Integer):
    """The number of a record, such as INV-0001. Options: `start`, the first number; `prefix`, and
    `digits`, to which it is filled up with zeros."""

    name, noun, example = "auto-number", "a number", "1"
    accepts = (
        "Nothing: the app gives each new record the next number, and none twice, whatever is "
        "deleted. It may be shown with letters in front, as INV-0001; a filter takes both forms."
    )
    given, css = True, ""
    aggregates = {"min": sa.func.min, "max": sa.func.max}
    json_type = {"type": "integer", "minimum": 0, "maximum": LIMIT - 1}
    writer = FieldType.writer

    def claims(self, column: sa.Column[Any]) -> dict[str, Any] | None:
        return None

    def prefix(self, field: Field) -> str:
        """What stands before the digits."""
        return str(field.options.get("prefix", ""))

    def example_of(self, field: Field) -> str:
        return self.write(int(field.options.get("start", 1)), field, "")

    def read(self, text: str, field: Field, notation: str) -> Decimal | None:
        digits = text.removeprefix(self.prefix(field))
        return Decimal(digits) if digits.isascii() and digits.isdigit() else None

    def write(self, value: Any, field: Field, notation: str) -> str:
        return f"{self.prefix(field)}{value:0{field.options.get('digits', 1)}}"

    def json(self, field: Field) -> dict[str, Any]:
        return dict(self.json_type)

    def guess(self, texts: Collection[str], name: str) -> list[Guess]:
        return []
