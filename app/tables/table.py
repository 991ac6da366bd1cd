"""What a table is: one frozen value, and the JSON document it is stored as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from app import fields
from app.errors import Invalid
from app.fields import Field
from app.fields.names import is_table_name, table_name
from app.permissions import Grant
from app.tables import across, authors, formulas  # noqa: F401  their types are in the registry

ACCESS = {
    "private": "only you and the administrators",
    "read": "everybody reads, you and the administrators edit",
    "edit": "everybody reads and edits",
}
"""Who may use a table, until roles say more."""

SYSTEM = (
    Field("id", "id", "Number", fields.TYPES["integer"]),
    Field("created_at", "created_at", "Created", fields.TYPES["date-time"]),
    Field("updated_at", "updated_at", "Changed", fields.TYPES["date-time"]),
    Field("version", "version", "Version", fields.TYPES["integer"]),
)
"""What every record has besides its fields: it can be shown, sorted and filtered by, never written."""


NAMING = ("list_display", "search_fields", "ordering", "readonly_fields")
"""The options of a table that name fields."""


@dataclass(frozen=True)
class Dropped:
    """A field that a table had until `at` (ISO 8601): its values are kept in a column out of the way."""

    field: Field
    at: str

    @property
    def column(self) -> str:
        """Where its values are."""
        return f"dropped__{self.field.id}"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"field": self.field.document(), "at": self.at}


@dataclass(frozen=True)
class Table:
    """A table as everything else sees it. Two with the same values are equal.

    `id` and `version` are those of its definition, `owner_id` the person who made it. `title` names
    the field that records are called by; `list_display` the fields a list shows, in order; `ordering`
    how it is sorted, `-due` from the largest down; `search_fields` what a search looks into. `dropped`
    has the fields that can be restored. `granted` has the grants that are left where the table is
    narrowed to one record.
    """

    id: int
    version: int
    tool: str
    name: str
    label: str
    fields: tuple[Field, ...]
    title: str = ""
    list_display: tuple[str, ...] = ()
    access: str = "private"
    owner_id: int | None = None
    search_fields: tuple[str, ...] = ()
    ordering: tuple[str, ...] = ()
    readonly_fields: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    granted: tuple[Grant, ...] | None = None

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by name, the system's among them."""
        return {one.name: one for one in (*self.fields, *SYSTEM)}

    @cached_property
    def written(self) -> tuple[Field, ...]:
        """The fields that people write."""
        readonly = self.readonly_fields
        return tuple(one for one in self.fields if one.type.writable and one.name not in readonly)

    @cached_property
    def stored(self) -> tuple[Field, ...]:
        """The fields with a column or pairs of their own, whose changes history keeps."""
        return tuple(
            one for one in self.fields
            if one.type.column(one) is not None or one.type.many and one.type.writable
        )  # fmt: skip

    @property
    def needs(self) -> set[int]:
        """The ids of the tables that its fields read."""
        return {id for one in self.fields for id in one.type.needs(one)}

    @property
    def shown(self) -> tuple[Field, ...]:
        """The fields of a list, in its order."""
        return tuple(self.by_name[name] for name in self.list_display if name in self.by_name)

    @property
    def searched(self) -> tuple[Field, ...]:
        """The fields that a search looks into."""
        texts = tuple(one for one in self.fields if one.type.family == "text")
        return tuple(self.by_name[name] for name in self.search_fields) or texts

    def document(self) -> dict[str, Any]:
        """The declaration as JSON; `read` reads it."""
        return {
            "label": self.label,
            "title": self.title,
            **{option: list(getattr(self, option)) for option in NAMING},
            "fields": [one.document() for one in self.fields],
            "dropped": [one.document() for one in self.dropped],
        }

    def read(self, document: Mapping[str, Any]) -> Table:
        """This table as a document declares it. Raises KeyError, TypeError where it is no such document."""
        named: dict[str, Any] = {one: tuple(document.get(one, ())) for one in NAMING}
        return replace(
            self,
            label=document["label"],
            title=document["title"],
            **named,
            fields=tuple(fields.load(one) for one in document["fields"]),
            dropped=tuple(
                Dropped(fields.load(one["field"]), one["at"]) for one in document.get("dropped", ())
            ),
        )


def check(table: Table) -> Table:
    """The table, with what it left open filled in. Raises Invalid, naming what cannot be."""
    if not table.fields:
        raise Invalid("A table needs at least one field.", [("fields", "Add a field")])
    if not table.label.strip():
        raise Invalid("A table needs a name.", [("label", "Name must not be empty")])
    if table.access not in ACCESS:
        raise Invalid(
            "Nobody knows that access.", [("access", f"Choose one of {', '.join(ACCESS)}")]
        )
    for place in ("tool", "name"):
        if not is_table_name(name := getattr(table, place)):
            words = f"“{name[:40]}” cannot be a name; “{table_name(name)}” can"
            raise Invalid(f"{words}.", [(place, words)])
    names = [one.name for one in table.fields]
    if len(set(names)) < len(names):
        raise Invalid("Two fields have the same name.", [("fields", "Names must differ")])
    for one in table.fields:
        one.type.parse(one.default, one)
        if one.unique and one.type.many:
            raise one.refusal("can have several records, so it cannot be unique")
        if not one.type.writable and (one.required or one.unique or one.default):
            raise one.refusal("is worked out: it cannot be required or unique, or have a default")
    _check_options(table)
    shown = tuple(name for name in table.list_display if name in table.by_name)
    return replace(
        table,
        fields=tuple(map(_as_given, table.fields)),
        title=table.title if table.title in names else _likely_title(table),
        list_display=shown or tuple(names[:10]),
    )


def _check_options(table: Table) -> None:
    for option in ("search_fields", "ordering", "readonly_fields"):
        names = [one.removeprefix("-") for one in getattr(table, option)]
        if unknown := [one for one in names if one not in table.by_name]:
            words = f"{option} names {', '.join(unknown)}, which {table.label} does not have"
            raise Invalid(f"{words}; it has {', '.join(table.by_name)}.", [(option, words)])


def _as_given(one: Field) -> Field:
    """The field; what the app gives, it gives every record, and once."""
    return replace(one, required=False, unique=True, default="") if one.type.given else one


def _likely_title(table: Table) -> str:
    """The field that records are called by where nobody has said: one called name or title, else the
    first text."""
    texts = [one for one in table.searched if one.type.names_records]
    by_word = [one for one in texts if {"name", "title"} & set(one.name.split("_"))]
    return (by_word or texts or list(table.fields))[0].name
