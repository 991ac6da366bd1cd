"""Tables that are there: their settings, and how they go and come back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app import jobs
from app.extensions import db, utcnow
from app.models import Change, Definition
from tests.studio.conftest import definitions, form_in

PLACE = "/studio/crew/crew/"


@pytest.fixture
def crew(bob, made):
    """Bob's table."""
    return made(bob)


def changes(app, action):
    with app.app_context():
        return db.session.scalars(sa.select(Change).where(Change.action == action)).all()


# Settings --------------------------------------------------------------------------------------


def test_labels_help_title_lists_and_access_can_be_changed(app, bob, crew, table):
    form = form_in(bob.get(PLACE)) | {
        "label": "Members", "access": "edit", "title": "code", "label-born": "Birthday",
        "help-born": "ISO",
    }  # fmt: skip
    del form["list-paid"]
    answer = bob.send(PLACE, **form)
    assert (answer.status_code, answer.location) == (303, PLACE)
    now = table("crew")
    assert (now.label, now.access, now.title) == ("Members", "edit", "code")
    assert (now.by_name["born"].label, now.by_name["born"].help) == ("Birthday", "ISO")
    assert now.list_display == ("code", "name", "born")
    [entry] = changes(app, "design")
    assert (entry.data["old"]["label"], entry.data["new"]["label"]) == ("Crew", "Members")
    assert entry.data["new"]["access"] == "edit"
    assert entry.person == "Bob Brown"


def test_saving_what_is_there_already_is_no_change(app, bob, crew):
    assert bob.send(PLACE, **form_in(bob.get(PLACE))).status_code == 303
    assert changes(app, "design") == []


def test_fields_can_be_ordered_by_number(bob, crew, table):
    moved = {"place-paid": "1", "place-code": "3"}
    bob.send(PLACE, **form_in(bob.get(PLACE)) | moved)
    assert [one.name for one in table("crew").fields] == ["paid", "name", "born", "code"]


def test_a_table_that_is_missing_is_not_found(bob):
    assert bob.get("/studio/no/where/").status_code == 404
    assert bob.send("/studio/no/where/", label="Where").status_code == 404


def test_the_studio_lists_the_tables_that_one_may_change(alice, bob, crew):
    assert f'href="{PLACE}"' in bob.get("/studio/").text
    assert f'href="{PLACE}"' in alice.get("/studio/").text


# Delete and restore ----------------------------------------------------------------------------


def test_deleting_says_what_goes_and_wants_the_name(app, bob, crew):
    page = bob.get(f"{PLACE}delete").text
    assert "<b>3</b> records" in page
    assert "<b>4</b> fields" in page
    answer = bob.send(f"{PLACE}delete", confirm="crew")
    assert answer.status_code == 422
    assert "Type Crew to delete it" in answer.text
    assert definitions(app)[0].state == "live"


def test_a_deleted_table_is_gone_and_comes_back_as_it_was(app, bob, crew, stored):
    before = stored("crew")
    answer = bob.send(f"{PLACE}delete", confirm="Crew")
    assert answer.location == "/studio/"
    page = bob.get("/studio/").text
    undo = re.search(r'action="(/studio/deleted/\d+/restore)"', page)[1]
    assert bob.get(PLACE).status_code == 404
    assert bob.get("/tools/crew/crew/").status_code == 404
    assert bob.send(undo).location == "/tools/crew/crew/"
    assert stored("crew") == before
    assert [len(changes(app, one)) for one in ("delete", "restore")] == [1, 1]
    assert bob.send(undo).status_code == 404


def test_others_may_neither_delete_nor_restore(app, alice, bob, made):
    made(alice, access="edit")
    assert bob.get(f"{PLACE}delete").status_code == 403
    assert bob.send(f"{PLACE}delete", confirm="Crew").status_code == 403
    alice.send(f"{PLACE}delete", confirm="Crew")
    assert "Deleted tables" not in bob.get("/studio/").text
    assert bob.send(f"/studio/deleted/{definitions(app)[0].id}/restore").status_code == 404


def test_a_name_that_was_taken_in_between_is_a_conflict_in_words(bob, crew, app, made):
    bob.send(f"{PLACE}delete", confirm="Crew")
    with app.app_context():
        drawn = Definition.state != "written"
        db.session.execute(sa.update(Definition).where(drawn).values(tool="other"))
        db.session.commit()
    made(bob)
    with app.app_context():
        tool = db.session.scalar(sa.select(Definition.tool).where(Definition.state == "live"))
        db.session.execute(
            sa.update(Definition)
            .where(Definition.state == "deleted")
            .values(tool=tool, name="crew")
        )
        db.session.commit()
    answer = bob.send(f"/studio/deleted/{definitions(app)[0].id}/restore")
    assert answer.status_code == 409
    assert "another table" in answer.text


def test_after_thirty_days_a_deleted_table_is_dropped(app, bob, crew):
    bob.send(f"{PLACE}delete", confirm="Crew")
    with app.app_context():
        jobs.sweep()
        assert len(definitions(app)) == 1
        db.session.execute(sa.update(Definition).values(ended_at=utcnow() - timedelta(days=31)))
        db.session.commit()
        jobs.sweep()
        assert not definitions(app)
        assert not [one for one in sa.inspect(db.engine).get_table_names() if "deleted" in one]


# Undo ------------------------------------------------------------------------------------------


def test_an_import_is_undone_as_one_and_the_undo_too(app, alice, bob, crew, stored):
    undo = re.search(r'action="(/studio/import/\d+/undo)"', crew.text)[1]
    assert bob.send(undo).location == "/studio/"
    page = bob.get("/studio/").text
    assert "Import undone" in page
    assert bob.get("/tools/crew/crew/").status_code == 404
    assert bob.send(undo).status_code == 404
    bob.send(re.search(r'action="(/studio/deleted/\d+/restore)"', page)[1])
    assert len(stored("crew")) == 3


def test_only_a_job_that_made_a_table_can_be_undone_and_only_ones_own(alice, bob, made):
    page = made(alice, access="read")
    undo = re.search(r'action="(/studio/import/\d+/undo)"', page.text)[1]
    assert bob.send(undo).status_code == 404
    assert alice.send("/studio/import/999/undo").status_code == 404
