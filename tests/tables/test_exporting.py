"""Exports, on both databases: what is written is what the values say, and comes in again unchanged."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest

from app.sheets import csv_lines
from app.sheets.exporting import as_csv, as_json, stream
from app.sheets.merging import merge
from app.tables import listing, records

FIRST = {
    "name": "=1+1", "code": "007", "email": "pen@example.com", "count_": -3, "price": Decimal("-0.05"),
    "cost": Decimal("12.30"), "active": False, "day": dt.date(2026, 2, 28), "at": dt.time(9, 30),
    "moment": dt.datetime(2026, 2, 28, 9, 30, 1, 500000, tzinfo=dt.UTC), "note": "one\ntwo, \"three\"",
    "status": "open", "effort": -dt.timedelta(hours=30, seconds=5), "tags": ("Open", "Done"),
}  # fmt: skip
SECOND = {
    "name": "'=quoted", "code": "008", "price": Decimal("0.00"),
    "moment": dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC),
}  # fmt: skip


@pytest.fixture
def rows(people, things):
    for values in (FIRST, SECOND):
        records.create(people["bob"], things, values)
    return things


def every_field(live, **more):
    names = ",".join(one.name for one in live.table.fields)
    return listing.read(live, {"fields": [names], **more})


@pytest.mark.parametrize("sort", ["", "-price", "name"])
def test_the_quick_way_writes_what_the_values_say(people, rows, sort):
    query = every_field(rows, sort=[sort])
    values = (row[1:] for row in listing.every(people["bob"], rows, query))
    slow = csv_lines([one.label for one in query.fields], values, query.fields)
    assert b"".join(as_csv(people["bob"], rows, query)) == b"".join(slow)


@pytest.mark.parametrize("sort", ["", "-price", "name"])
def test_a_json_object_is_what_the_values_say(people, rows, sort):
    query = every_field(rows, sort=[sort])
    slow = [
        {
            "id": row[0],
            **{f.name: f.type.to_json(v, f) for f, v in zip(query.fields, row[1:], strict=True)},
        }
        for row in listing.every(people["bob"], rows, query)
    ]
    assert json.loads(b"".join(as_json(people["bob"], rows, query))) == slow
    lines = b"".join(stream(people["bob"], rows, query, "ndjson")).decode().splitlines()
    assert [json.loads(one) for one in lines] == slow
    nothing = every_field(rows, name=["nobody"])
    assert json.loads(b"".join(as_json(people["bob"], rows, nothing))) == []


def test_a_csv_file_imports_again_with_no_change(people, rows, tmp_path):
    file = tmp_path / "out.csv"
    file.write_bytes(b"".join(as_csv(people["bob"], rows, every_field(rows))))
    found = merge(people["bob"], rows, file, dry_run=True)
    assert (found.same, found.create, found.update, found.reject) == (2, 0, 0, 0)


def test_an_import_into_the_table_writes_what_differs(people, rows, tmp_path):
    file = tmp_path / "changes.csv"
    file.write_text("Code,Name,Price\n007,Pen,1.50\n009,Ink,2\n", encoding="utf-8")
    found = merge(people["bob"], rows, file)
    assert (found.update, found.create, found.reject) == (1, 1, 0)
    changed = records.get(people["bob"], rows, 1)
    assert (changed.name, changed.price, changed.version) == ("Pen", Decimal("1.50"), 2)


def test_json_has_what_the_api_will_have(people, rows):
    import json

    first, second = json.loads(b"".join(as_json(people["bob"], rows, every_field(rows))))
    assert (first["id"], first["price"], first["active"]) == (1, "-0.05", False)
    assert (second["email"], second["moment"]) == (None, "2026-07-01T12:00:00Z")
    assert (first["effort"], first["tags"], first["number"]) == ("-30:00:05", ["Open", "Done"], 1)
    assert (second["effort"], second["tags"], second["number"]) == (None, None, 2)


def test_what_is_kept_of_lists_does_not_grow_with_what_is_asked(people, rows):
    names = [one.name for one in rows.table.fields]
    for first in range(2 * listing.MOST_KEPT):
        chosen = [name for place, name in enumerate(names) if first >> place & 1]
        query = listing.read(rows, {"fields": [",".join(chosen)]})
        b"".join(as_json(people["bob"], rows, query))
    assert len(rows.memo) <= listing.MOST_KEPT + 5
