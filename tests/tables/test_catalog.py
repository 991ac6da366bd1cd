"""The catalog: what a process keeps of the tables is what has been committed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.database import writing
from app.extensions import db
from app.models import Definition
from app.tables import catalog
from app.tables.table import Table
from tests.tables.conftest import declared


def made(actor, name):
    table = Table(0, 0, name, "t", name, (declared(f"{name}_field", "text"),), owner_id=actor.id)
    return catalog.create(table)


def fields(name):
    return [one.name for one in catalog.tables()[name, "t"].table.fields]


def test_a_table_that_was_taken_back_is_not_taken_for_the_next_of_its_number(app, people):
    with pytest.raises(KeyError), writing():
        made(people["bob"], "lost")
        assert fields("lost") == ["lost_field"]
        raise KeyError
    assert ("lost", "t") not in catalog.tables()
    with pytest.raises(KeyError), writing():
        made(people["bob"], "lost")
        catalog.tables()
        raise KeyError
    mine = app.extensions.pop("tables")  # another process makes one, with its own catalog
    db.session.remove()
    with writing():
        made(people["bob"], "kept")
    app.extensions["tables"] = mine
    db.session.remove()
    assert fields("kept") == ["kept_field"] and ("lost", "t") not in catalog.tables()


def test_a_table_is_the_same_for_all_of_a_transaction_and_after_it(app, people):
    catalog.tables()
    with writing():
        made(people["bob"], "kept")
        first = catalog.tables()["kept", "t"]
        with db.session.begin_nested():
            catalog.forget()
            assert catalog.tables()["kept", "t"] is first
        assert ("kept", "t") not in app.extensions["tables"].named
        catalog.forget()
        assert catalog.tables()["kept", "t"] is first
    db.session.remove()
    assert catalog.tables()["kept", "t"] is first


def test_what_a_part_of_a_transaction_has_changed_goes_with_that_part(app, people):
    def declare(label):
        there = catalog.tables()["one", "t"].declared
        catalog.declare(there.id, there.version, replace(there, label=label), there.access)
        db.session.flush()
        return catalog.tables()["one", "t"].table.label

    with writing():
        made(people["bob"], "one")
        assert declare("Kept") == "Kept"
        with pytest.raises(KeyError), db.session.begin_nested():
            assert declare("Taken back") == "Taken back"
            raise KeyError
        assert catalog.tables()["one", "t"].table.label == "Kept"
    with db.engine.begin() as other:  # another process gives the number of what was taken back
        query = sa.select(Definition.id, Definition.document).where(Definition.tool == "one")
        found = other.execute(query).one()
        change = sa.update(Definition).where(Definition.id == found.id)
        document = {**found.document, "label": "By another"}
        other.execute(change.values(version=Definition.version + 1, document=document))
    catalog.forget()
    assert catalog.tables()["one", "t"].table.label == "By another"
