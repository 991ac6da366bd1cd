"""Step one: a file is kept when something is in it, and refused in words when not."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile

import pytest

from app import jobs
from tests.studio.conftest import PEOPLE, only_job

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
REFUSED = {
    "nothing": (b"", "crew.csv", "crew.csv has nothing in it"),
    "blanks": (b"\n\n  \n", "crew.csv", "has nothing in it"),
    "header only": (b"Code,Name\n", "crew.csv", "has a header and no rows below it"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(64), "crew.csv", "is a PNG picture"),
    "password": (OLE + "EncryptedPackage".encode("utf-16-le"), "book.xlsx", "protected with a password"),
    "old workbook": (OLE + bytes(512), "book.xls", "old .xls format"),
    "no workbook": (b"Code,Name\n1,2\n", "book.xlsx", "is not an XLSX workbook"),
    "NUL": (b"Code,Name\n1,a\0b\n", "crew.csv", "NUL character"),
    "open quote": (b'Code,Name\n1,"Ada\n', "crew.csv", "a quote is opened and never closed"),
    "zip": (b"PK\x03\x04" + bytes(64), "book.xlsx", "book.xlsx"),
}  # fmt: skip


def kept(app):
    folder = app.config["ROUNDTRIP_INSTANCE"] / "uploads"
    return sorted(one.name for one in folder.glob("*")) if folder.is_dir() else []


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_imported_is_refused_at_the_field_and_not_kept(app, bob, upload, case):
    content, name, words = REFUSED[case]
    answer = upload(bob, content, name)
    assert answer.status_code == 422
    assert words in answer.text
    assert 'id="file-error"' in answer.text
    assert answer.text.count("<title>Error: ") == 1
    assert kept(app) == []


def test_no_file_is_refused_at_the_field(app, bob):
    for fields in ({}, {"file": (io.BytesIO(b""), "")}):
        answer = bob.send("/studio/import", **fields)
        assert answer.status_code == 422
        assert "Choose a file" in answer.text


def test_a_file_over_the_limit_is_refused_where_it_is_chosen(app, bob, upload):
    app.config["MAX_CONTENT_LENGTH"] = 1_000
    answer = upload(bob, b"Code\n" + b"1\n" * 2_000)
    assert answer.status_code == 413
    assert "larger than the 100 MB" in answer.text
    assert 'id="file-error"' in answer.text
    assert kept(app) == []


def test_the_limit_is_in_the_words_of_the_form(bob):
    assert "up to 100 MB" in bob.get("/studio/import").text
    assert "up to 100 MB" in bob.get("/studio/").text


def test_a_file_is_kept_with_whose_it_is_under_a_token(app, bob, upload):
    answer = upload(bob)
    [token] = kept(app)
    assert answer.location == f"/studio/import/{token}"
    folder = app.config["ROUNDTRIP_INSTANCE"] / "uploads" / token
    assert (folder / "crew.csv").read_bytes() == PEOPLE
    assert json.loads((folder / "about.json").read_text())["name"] == "crew.csv"


HOSTILE = {
    "../../x.csv": "x.csv", "..\\..\\x.csv": "x.csv", "/etc/passwd": "passwd", "..": "table.csv",
    "C:\\Users\\Ada\\a.csv": "a.csv", "con.csv": "_con.csv.txt", "about.json": "_about.json.txt",
    "a\0b\u202ecsv.exe": "abcsv.exe", '<b>"x"|?*.csv': "_b__x____.csv", "x" * 500 + ".csv": "x" * 60 + ".csv",
    " . ": "table.csv", "ärger 1.csv": "ärger 1.csv", "a.csv. ": "a.csv", "aux": "_aux.txt",
    "COM1": "_COM1.txt", "com¹.csv": "_com¹.csv.txt", "CONOUT$": "_CONOUT$.txt", "comic.csv": "comic.csv",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_is_stored_inside_its_folder_under_a_name_that_any_system_takes(name):
    from blueprints.studio.uploads import safe_name

    assert safe_name(name) == HOSTILE[name]


@pytest.mark.parametrize("name", ["../../x.csv", "<script>alert(1)</script>.csv", "\u202efdp.csv"])
def test_a_hostile_file_name_harms_no_page(app, bob, made, upload, name):
    page = bob.get(upload(bob, name=name).location)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    assert "Open " in made(bob, file=name).text
    outside = app.config["ROUNDTRIP_INSTANCE"].parent.rglob("x.csv")
    assert all("uploads" in one.parts for one in outside)


def test_only_the_person_who_sent_a_file_sees_it(alice, bob, upload):
    place = upload(bob).location
    for answer in (alice.get(place), alice.send(place)):
        assert answer.status_code == 404
        assert "Choose the file again" in answer.text


@pytest.mark.parametrize("token", ["0" * 32, "Z" * 32, "." * 32, "%2e%2e%2f" + "0" * 26])
def test_a_token_that_nothing_is_kept_under_is_not_found(bob, token):
    assert bob.get(f"/studio/import/{token}").status_code == 404


def test_strangers_are_sent_to_sign_in(client, charlie):
    for browser in (client, charlie):
        for path in ("/studio/", "/studio/import", "/studio/import/" + "0" * 32, "/studio/a/b/"):
            assert browser.get(path).location.startswith("/auth/login"), path


def test_the_sweep_removes_what_is_a_week_old_unless_an_open_job_imports_it(app, bob, upload):
    old, in_use, new = (upload(bob).location.rpartition("/")[2] for _ in range(3))
    bob.send(f"/studio/import/{in_use}")
    week = time.time() - 8 * 24 * 3600
    for token in (old, in_use):
        os.utime(app.config["ROUNDTRIP_INSTANCE"] / "uploads" / token, (week, week))
    with app.app_context():
        jobs.sweep()
    assert kept(app) == sorted([in_use, new])
    with app.app_context():
        jobs.run_queued()
    assert only_job(app).state == "done"
    with app.app_context():
        jobs.sweep()
    assert kept(app) == [new]


def test_a_zip_that_is_no_workbook_is_refused(bob, upload):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as book:
        book.writestr("nothing.txt", "not a workbook")
    answer = upload(bob, packed.getvalue(), "book.xlsx")
    assert answer.status_code == 422


def test_a_file_that_is_gone_and_findings_of_another_version_break_no_page(app, bob, upload):
    place = upload(bob).location
    folder = app.config["ROUNDTRIP_INSTANCE"] / "uploads" / place.rpartition("/")[2]
    for found in folder.glob("found-*"):
        found.write_text('{"rows": 1}')
    assert bob.get(place).status_code == 200
    (folder / "crew.csv").unlink()
    assert bob.get(place).status_code == 404
    assert bob.send(place).status_code == 404


def test_a_name_of_many_bytes_is_shortened(bob, upload):
    assert upload(bob, name="\U0001f600" * 100 + "." + "\U0001f600" * 20).status_code == 303
