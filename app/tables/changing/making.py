"""Making tables and taking them out of sight: what the designer and the API both do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from app.database import writing
from app.errors import Conflict, NotFound
from app.fields.names import bare, table_name
from app.permissions import Actor, may, require
from app.tables import catalog, history
from app.tables.live import Live
from app.tables.table import Table


def names(label: str, tool: str = "") -> tuple[str, str]:
    """The names of the tool and the table for a new table of this label; without `tool` it gets its own."""
    if not tool:
        return catalog.free_names(label)
    taken = [name for other, name in catalog.tables() if other == tool]
    return tool, table_name(label, taken)


def misplaced(actor: Actor, label: str, tool: str = "") -> Iterator[tuple[str, str]]:
    """What is wrong with where a new table goes, and with what it is called there."""
    if tool and tool not in open_tools(actor):
        yield "tool", "Choose a tool in which you have a table, or a new one"
    wanted = bare(label)
    for other, tables in catalog.open_to(actor).items():
        if not tool and bare(other.label) == wanted:
            words = f"There is a tool “{other.label}” already: draw the table in it, or choose another name"
            yield "label", words
        if other.name == tool and wanted in {bare(one.table.label) for one in tables}:
            words = f"{other.label} has a table “{label}” already: choose another name"
            yield "label", words


def open_tools(actor: Actor) -> set[str]:
    """The names of the tools in which the actor may make tables: those that have one of theirs."""
    return {
        tool for (tool, _), live in catalog.tables().items() if may(actor, "design", live.table)
    }


def make(actor: Actor, table: Table) -> Table:
    """Make a table, in the transaction of the caller. Raises Invalid, Conflict, NotFound, Forbidden."""
    catalog.require_open(actor, table)
    made = catalog.create(table).table
    history.note(made.id, "create", {"label": made.label})
    return made


def delete(actor: Actor, tool: str, name: str, version: int | None = None) -> Table:
    """Take a table that was seen in this version out of sight; for thirty days it can be restored.
    Raises NotFound, Forbidden, Conflict."""
    with writing(), history.acting(actor):
        catalog.forget()
        live = catalog.get(actor, tool, name, "design")
        refuse_code(live)
        if version not in (None, live.table.version):
            raise Conflict("Somebody else has changed this table while you had its settings open.")
        return withdraw(actor, live.table.id, {})


def refuse_code(live: Live) -> None:
    """Raise Conflict where a table is declared in code: it is not deleted here."""
    if live.written:
        raise Conflict(
            f"{live.table.label} is declared in code. Delete its model, or its blueprint."
        )


def withdraw(
    actor: Actor, table_id: int, told: Mapping[str, Any], along: Collection[int] = ()
) -> Table:
    """The same by the table's id, in the transaction of the caller; others that link to it stand in the
    way, but for those that go along."""
    catalog.hold(table_id, alone=True)  # before the definition, as everybody who changes a table
    found = catalog.definition(table_id)
    gone = catalog.table_of(found)
    if found.state != "live" or not may(actor, "list", gone):
        raise NotFound(catalog.GONE)
    require(actor, "design", gone)
    catalog.withdraw(table_id, along)
    history.note(table_id, "delete", {"label": gone.label, **told})
    return gone
