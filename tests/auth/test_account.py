"""One's own time zone and formats: pages and forms follow them, nothing else does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from flask import g
from hypothesis import given
from hypothesis import strategies as st

from app import clock, create_app
from app.fields import CANONICAL, FORM, TYPES, Field
from app.permissions import Actor

ACCOUNT = {"name": "Bob Brown", "theme": "auto", "density": "default"}
ITEM = {"code": "CAM-1", "name": "Camera", "state": "ready"}
NEW_YORK = "America/New_York"


def kind(name, **options):
    return Field("f", "total", "Total", TYPES[name], options=options)


@pytest.fixture
def looking(app):
    """A function: from now on somebody with this time zone and these formats looks."""
    with app.test_request_context():
        yield lambda timezone="", formats="": setattr(
            g, "actor", Actor(2, "Bob", "bob@example.com", timezone=timezone, formats=formats)
        )


def test_time_zone_and_formats_are_chosen_and_kept(bob):
    answer = bob.send("/auth/account", **ACCOUNT, timezone=NEW_YORK, formats="dots")
    assert answer.status_code == 303
    page = bob.get("/auth/account").text
    assert f'selected value="{NEW_YORK}"' in page
    assert 'selected value="dots"' in page
    bob.send("/auth/account", **ACCOUNT | {"theme": "dark"})
    assert 'selected value="dots"' in bob.get("/auth/account").text, "what is not sent stays"
    bob.send("/auth/account", **ACCOUNT, timezone="", formats="")
    assert 'selected value="dots"' not in bob.get("/auth/account").text


@pytest.mark.parametrize(
    "fields", [{"timezone": "Mars/Olympus"}, {"formats": "roman"}, {"timezone": "../etc"}]
)
def test_what_there_is_not_is_refused_in_words(bob, fields):
    answer = bob.send("/auth/account", **ACCOUNT, **fields)
    assert answer.status_code == 422
    assert "of the list" in answer.text


SHOWN = {
    "": ("22 Nov 2026", "1,234,567.50"),
    "dots": ("22.11.2026", "1.234.567,50"),
    "slashes": ("22/11/2026", "1\u202f234\u202f567,50"),
    "american": ("11/22/2026", "1,234,567.50"),
    "iso": ("2026-11-22", "1234567.50"),
}


def test_every_style_has_an_example_of_its_own():
    assert SHOWN.keys() == clock.STYLES.keys()
    assert len({one.example for one in clock.STYLES.values()}) == len(SHOWN)
    assert clock.STYLES["dots"].example == "22.11.2026 · 1.234,56"


@pytest.mark.parametrize("formats", SHOWN)
def test_dates_and_numbers_are_shown_as_chosen(looking, formats):
    looking(formats=formats)
    day, number = SHOWN[formats]
    decimal = kind("decimal", scale=2)
    assert clock.day(date(2026, 11, 22)) == day
    assert day in kind("date").type.cell(date(2026, 11, 22), kind("date"))
    assert decimal.type.cell(Decimal("1234567.50"), decimal) == number
    assert kind("integer").type.cell(12, kind("integer")) == "12"
    money = kind("money", currency="EUR", scale=2, shown=2)
    mark = clock.STYLES[formats].mark
    assert money.type.cell(Decimal("-1.5"), money) == f"-€1{mark}50"


def test_a_key_is_never_set_apart_by_thousands(looking):
    looking(formats="dots")
    field = Field("f", "year", "Year", TYPES["integer"])
    assert field.type.cell(2026, field) == "2026"


def test_an_unknown_format_or_zone_of_another_version_is_as_if_none_was_chosen(looking):
    looking("Mars/Olympus", "roman")
    assert clock.moment(datetime(2026, 11, 22, 23, 30, tzinfo=UTC)) == "22 Nov 2026, 23:30"


def test_moments_are_told_in_ones_own_time_zone_and_days_stay_the_workspaces(looking):
    moment, field = datetime(2026, 11, 22, 2, 30, tzinfo=UTC), kind("date-time")
    looking(NEW_YORK)
    assert clock.moment(moment) == "21 Nov 2026, 21:30"
    assert "21 Nov 2026, 21:30" in field.type.cell(moment, field)
    assert clock.day(moment) == "21 Nov 2026"
    assert clock.local(moment).day == 22
    assert clock.day(date(2026, 11, 22)) == "22 Nov 2026", "a day is a day everywhere"


def test_a_form_takes_the_time_that_it_shows(looking):
    moment, field = datetime(2026, 11, 22, 2, 30, tzinfo=UTC), kind("date-time")
    looking(NEW_YORK)
    assert field.type.text(moment, field, FORM) == "2026-11-21T21:30"
    assert field.type.parse("2026-11-21 21:30", field, FORM) == moment
    assert field.type.parse("21.11.2026 21:30", field, FORM) == moment
    assert field.type.text(moment, field, CANONICAL) == "2026-11-22T02:30:00Z"
    assert field.type.parse("2026-11-22T02:30:00Z", field) == moment


def test_a_text_that_becomes_a_moment_is_read_by_the_clocks_of_the_workspace(looking):
    looking(NEW_YORK)
    found = kind("date-time").type.convert("2026-11-22 02:30", kind("text"), kind("date-time"))
    assert found == datetime(2026, 11, 22, 2, 30, tzinfo=UTC)


def test_commands_and_jobs_know_no_person(app):
    with app.app_context():
        assert clock.chosen() == ("", "")
        assert clock.moment(datetime(2026, 11, 22, 2, 30, tzinfo=UTC)) == "22 Nov 2026, 02:30"


@pytest.fixture(scope="module")
def quiet_app(workspace):
    """The app for properties, which cannot have one each."""
    return create_app({"INSTANCE": workspace, "TESTING": True, "TRIPS": "off"})


VALUES = {
    "date": st.dates(date(1, 1, 1), date(9999, 12, 31)),
    "date-time": st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)).map(
        lambda v: v.replace(tzinfo=UTC)
    ),
    "integer": st.integers(-(10**14), 10**14),
    "decimal": st.decimals("-1000000", "1000000", places=2).map(lambda v: v + 0),
}
ZONES = ["", NEW_YORK, "Asia/Kathmandu", "Europe/Dublin", "Pacific/Apia"]


@given(st.data())
def test_a_form_posts_a_value_again_unchanged_for_every_format(quiet_app, data):
    name = data.draw(st.sampled_from(sorted(VALUES)))
    field = kind(name, scale=2) if name == "decimal" else kind(name)
    value = data.draw(VALUES[name])
    zone, formats = (
        data.draw(st.sampled_from(ZONES)),
        data.draw(st.sampled_from(sorted(clock.STYLES))),
    )
    with quiet_app.test_request_context():
        g.actor = SimpleNamespace(timezone=zone, formats=formats)
        assert field.type.cell(value, field)
        text = field.type.text(value, field, FORM)
        assert field.type.parse(text, field, FORM) == value
        assert field.type.parse(field.type.text(value, field), field) == value


LOANS = "/tools/equipment/loan/"


def table(client):
    return client.get(LOANS).text.partition("<table")[2].partition("</table")[0]


def test_a_list_is_shown_to_each_as_they_have_chosen_and_exported_alike(alice, bob):
    pytest.importorskip("blueprints.equipment", reason="its list is asked")
    alice.send("/tools/equipment/item/new", **ITEM)
    due = f"{clock.utcnow().year + 1}-01-22"
    alice.send("/tools/equipment/item/1/check-out", borrower="Bob", due_on=due)
    before = table(bob)
    alice.send("/auth/account", **ACCOUNT, formats="dots")
    bob.send("/auth/account", **ACCOUNT, formats="american")
    german, american = f"22.01.{due[:4]}", f"01/22/{due[:4]}"
    assert german in table(alice) and american not in table(alice)
    assert american in table(bob) and german not in table(bob)
    bob.send("/auth/account", **ACCOUNT, formats="")
    assert table(bob) == before
    files = [one.get(LOANS + "export.csv").data for one in (alice, bob)]
    assert files[0] == files[1]
    assert due.encode() in files[0]
