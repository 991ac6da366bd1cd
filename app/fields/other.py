"""Columns of written models that no type can take: shown as they are, and written by the model's own code."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.fields import lookups
from app.fields.base import Field, FieldType


class Other(FieldType):
    """A value of a kind that nothing here knows. It is not in the registry, as no table can be given one."""

    name, noun, example, python = "other", "a value", "", object
    accepts = "Nothing: it is written by the code of its model alone."
    stored = sa.String
    writable = False
    lookups = {"isblank": lookups.EVERY["isblank"]}

    def order(self, column: Any) -> sa.ColumnElement[Any]:
        return sa.cast(column, sa.String)

    def read(self, text: str, field: Field, notation: str) -> Any:
        return None

    def write(self, value: Any, field: Field, notation: str) -> str:
        return str(value)

    def from_json(self, value: Any, field: Field) -> Any:
        return value


OTHER = Other()
