"""Import into a table that is there: what cannot be stored is listed, the rest is stored, and a dry run knows."""

from __future__ import annotations

import pytest

from app.database import writing
from app.extensions import db
from app.sheets.merging import merge
from app.tables import catalog, records
from app.tables.table import Table
from tests.tables.conftest import declared


@pytest.fixture
def crew(people):
    """Two people of a crew, whose codes and addresses are unique."""
    fields = (
        declared("code", "code", unique=True), declared("email", "email", unique=True),
        declared("name", "text", required=True, default="Nobody"), declared("rank", "text", required=True),
    )  # fmt: skip
    table = Table(0, 0, "crew", "crew", "Crew", fields, owner_id=people["bob"].id)
    with writing():
        live = catalog.create(table, "Crew")
    for i in (1, 2):
        values = {"code": f"A{i}", "email": f"{i}@x.org", "rank": "mate"}
        records.create(people["bob"], live, values)
    return live


def counted(actor, live, file, **options):
    """The counts of a dry run and of the import, which are the same."""
    dry = merge(actor, live, file, ("code",), dry_run=True, **options).document()
    assert merge(actor, live, file, ("code",), **options).document() == dry
    return dry


def test_a_unique_value_of_another_record_is_listed_and_the_others_are_stored(
    people, crew, tmp_path
):
    file = tmp_path / "crew.csv"
    file.write_text(
        "Code,Email,Rank\nA1,2@x.org,mate\nA3,3@x.org,mate\nA4,3@x.org,mate\nA2,2@x.org,cook\n"
    )
    found = counted(people["bob"], crew, file)
    assert (found["create"], found["update"], found["reject"]) == (1, 1, 2)
    assert [(one["line"], one["column"]) for one in found["problems"]] == [
        (2, "Email"),
        (4, "Email"),
    ]
    names = db.session.query(crew.model.code, crew.model.name).order_by(crew.model.id).all()
    assert [tuple(one) for one in names] == [("A1", "Nobody"), ("A2", "Nobody"), ("A3", "Nobody")]


def test_a_new_row_without_a_column_that_is_required_is_listed(people, crew, tmp_path):
    file = tmp_path / "crew.csv"
    file.write_text("Code,Email\nA1,one@x.org\nA9,9@x.org\n")
    found = counted(people["bob"], crew, file)
    assert (found["create"], found["update"], found["reject"]) == (0, 1, 1)
    assert found["problems"][0]["reason"] == "Rank must not be empty"
