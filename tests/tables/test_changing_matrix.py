"""Every stored type becomes every other: the dry run tells exactly what the change then does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from app import create_app, database, jobs
from app.database import writing
from app.errors import Invalid
from app.extensions import db
from app.fields import TYPES, Field
from app.models import Job
from app.permissions import SYSTEM
from app.tables import catalog, records
from app.tables.changing import apply, examine
from app.tables.changing.comparing import CONVERTS, FREE
from app.tables.table import Table
from tests.core import laws
from tests.core.laws import values

FIELDS = [  # links are of other tables' records: their conversions have tests of their own
    one for one in laws.FIELDS if one.type.column(one) is not None and one.type.target(one) is None
]
TARGETS = [
    one for one in FIELDS if not one.type.given
]  # what is counted is unique: tested by itself
NAMES = [one.name for one in FIELDS]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: Any, tmp_path_factory: Any) -> Iterator[sa.Engine]:
    """A workspace for all tests of this module."""
    url = request.getfixturevalue("postgresql_for_all") if request.param == "postgresql" else ""
    options = {"INSTANCE": tmp_path_factory.mktemp("matrix"), "TESTING": True, "TRIPS": "off"}
    app = create_app({**options, "DATABASE_URL": url} if url else options)
    with app.app_context():
        database.upgrade(app)
        yield db.engine
        if "queue" in app.extensions:
            app.extensions["queue"].close()
        db.session.remove()
        db.engine.dispose()


def readable(source: Field) -> list[Any]:
    """Values of the field that are examples of other types, such as the text 12.50."""
    found = []
    for other in TARGETS:
        try:
            found.append(source.type.parse(other.type.example_of(other), source))
        except Invalid:
            continue
    return found


def columns(source: Field) -> st.SearchStrategy[list[Any]]:
    one = st.one_of(st.none(), values(source), st.sampled_from(readable(source)))
    one = st.none() if source.type.given else one
    return st.lists(one, min_size=4, max_size=8)


def field_of(source: Field, target: Field) -> Field:
    """The field that becomes the target."""
    return replace(source, id=target.name, name=f"to_{target.name}", label=f"To {target.label}")


def table_of(source: Field, found: list[Any]) -> catalog.Live:
    """A table in which every field has the same values, one for each target."""
    fields = tuple(field_of(source, target) for target in TARGETS)
    tool, name = catalog.free_names("Matrix")
    with writing():
        live = catalog.create(Table(0, 0, tool, name, "Matrix", fields))
    rows = [dict.fromkeys((one.name for one in fields), value) for value in found]
    records.save_many(SYSTEM, live, rows)
    return live


def becoming(live: catalog.Live) -> Table:
    """The same fields, each of its target's type."""
    pairs = zip(live.table.fields, TARGETS, strict=True)
    fields = [replace(one, type=to.type, options=to.options) for one, to in pairs]
    return replace(live.table, fields=tuple(fields))


def stored(live: catalog.Live, column: str, field: Field) -> list[Any]:
    """The values of a column as those of a field."""
    query = sa.select(sa.column(column, field.type.column(field).type)).select_from(live.sql)
    return list(db.session.scalars(query.order_by(live.sql.c.id)))


@pytest.mark.parametrize("source", FIELDS, ids=NAMES)
@settings(
    # a case makes a table and changes all of its fields, too dear to look for a smaller one
    max_examples=3,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_conversion_does_what_the_dry_run_has_said_and_keeps_what_was(engine, source, data):
    live = table_of(source, data.draw(columns(source)))
    first = live.table.fields[0]
    found = stored(live, first.name, first)  # the app numbers records itself
    seen = examine(SYSTEM, live, becoming(live))
    choices = {one.step.field: "clear" for one in seen.checks}
    job = apply(SYSTEM, live, becoming(live), live.table.version, choices)
    assert isinstance(job, Job)
    jobs.run_queued()
    done = db.session.get(Job, job.id, populate_existing=True)
    assert done.state == "done"
    new = catalog.get(SYSTEM, live.table.tool, live.table.name)
    converted = [one for one in seen.checks if one.step.kind in CONVERTS]
    for check in converted:
        field = check.step.new
        counts = {**done.result["counts"][field.name], "total": len(found)}
        assert counts == check.counts
        told = {
            one.record_id: None if outcome in ("misfits", "blank") else one.new
            for outcome, samples in check.samples.items()
            for one in samples
        }
        texts = [
            field.type.text(one, field) if one is not None else None
            for one in stored(new, field.name, field)
        ]
        assert texts == [told[record_id] for record_id in sorted(told)]
    kept = Counter(one.field.name for one in new.table.dropped)
    assert kept == Counter(one.step.field for one in converted)
    for one in new.table.dropped:
        assert stored(new, one.column, one.field) == found
    for step in seen.steps:
        if step.risk == FREE and step.new:
            assert stored(new, step.new.name, step.new) == found


LIMITS = {
    "text": {"max": st.integers(1, 300), "format": st.sampled_from(["plain", "code", "url"])},
    "long-text": {"max": st.integers(1, 300)},
    "integer": {"min": st.integers(-9, 9), "max": st.integers(-9, 9)},
    "decimal": {"scale": st.integers(0, 3), "min": st.integers(-9, 9), "max": st.integers(-9, 9)},
    "money": {"scale": st.integers(0, 3), "max": st.integers(-9, 9)},
    "choice": {"choices": st.lists(st.sampled_from("abc"), min_size=1, unique=True)},
}


def limited() -> st.SearchStrategy[Field]:
    """A field with options that limit its values."""
    return st.sampled_from(sorted(LIMITS)).flatmap(
        lambda word: st.fixed_dictionaries({}, optional=LIMITS[word]).map(
            lambda options: Field("f", "f", "F", TYPES[word], options=options)
        )
    )


TEXTS = "a b 0 7 -7 9 1.5 0.125 https://a.de".split() + ["", "two words", "two\nlines", "x" * 200]


@settings(max_examples=500, suppress_health_check=list(HealthCheck))
@given(source=limited(), target=limited())
def test_what_a_field_takes_unseen_is_stored_alike_and_stays_the_same(source, target):
    assume(target.type.takes(source, target))
    kinds = [(one.type.stored, one.type.sql_arguments(one)) for one in (source, target)]
    assert kinds[0] == kinds[1] or {source.type.python, target.type.python} == {str}
    for text in TEXTS:
        try:
            value = source.type.parse(text, source)
        except Invalid:
            continue
        assert target.type.convert(value, source, target) == value
