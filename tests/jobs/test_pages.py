"""The pages of jobs: who sees which, what they say in each state, what can be done about it."""

from __future__ import annotations

import sqlite3
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from app import jobs
from app.extensions import db, utcnow
from app.models import Job
from blueprints.jobs import services

REFRESH = '<noscript><meta http-equiv="refresh" content="2"></noscript>'


def test_without_jobs_the_list_says_what_would_be_there(bob):
    page = bob.get("/jobs/").text
    assert "No jobs yet" in page
    assert 'href="/studio/import"' in page


def test_a_person_sees_their_own_and_an_administrator_all(alice, bob, queued):
    theirs, own = queued("alice"), queued("bob")
    assert bob.get(f"/jobs/{own}").status_code == 200
    assert bob.get(f"/jobs/{theirs}").status_code == 404
    assert alice.get(f"/jobs/{own}").status_code == 200
    page = bob.get("/jobs/").text
    assert f'href="/jobs/{own}"' in page
    assert f'href="/jobs/{theirs}"' not in page
    assert f'href="/jobs/{own}"' in alice.get("/jobs/").text
    assert "Bob Brown" in alice.get("/jobs/").text


@pytest.mark.parametrize("path", ["", "/cancel", "/retry"])
def test_the_job_of_another_is_not_found_whatever_is_asked(bob, queued, path):
    place = f"/jobs/{queued('alice')}{path}"
    assert (bob.send(place) if path else bob.get(place)).status_code == 404


def test_strangers_are_sent_to_sign_in(client, charlie, queued):
    job = queued()
    for browser in (client, charlie):
        assert browser.get("/jobs/").location.startswith("/auth/login")
        assert browser.get(f"/jobs/{job}").location.startswith("/auth/login")
        assert browser.send(f"/jobs/{job}/cancel").location.startswith("/auth/login")


def test_open_jobs_come_first(bob, queued, change):
    old, new = queued(title="An old one"), queued(title="A new one")
    change(new, state="done", ended_at=utcnow())
    page = bob.get("/jobs/").text
    assert page.index("An old one") < page.index("A new one")
    assert 'data-poll="2000"' in page
    change(old, state="failed", ended_at=utcnow())
    page = bob.get("/jobs/").text
    assert page.index("A new one") < page.index("An old one")
    assert "data-poll" not in page


def test_the_list_goes_on_with_older_ones(bob, queued):
    numbers = [queued(title=f"Number {i}") for i in range(52)]
    page = bob.get("/jobs/").text
    assert f'href="/jobs/?before={numbers[2]}"' in page
    older = bob.get(f"/jobs/?before={numbers[2]}").text
    assert "Number 1<" in older
    assert "Number 2<" not in older
    assert bob.get("/jobs/?before=x").status_code == 400


def test_a_list_of_many_asks_no_more_than_one_of_few(app, bob, queued, trip_of):
    queued()
    bob.get("/jobs/")  # the first request of a process reads what tables are declared as
    few = trip_of(bob.get("/jobs/")).data["n_queries"]
    for _ in range(20):
        queued()
    trip_of(bob.get("/jobs/")).queries(few)


def test_a_waiting_job_asks_again_by_itself_and_can_be_cancelled(bob, queued):
    job = queued()
    page = bob.get(f"/jobs/{job}").text
    assert "Queued" in page
    assert REFRESH in page
    assert 'data-poll="' in page
    answer = bob.send(f"/jobs/{job}/cancel")
    assert (answer.status_code, answer.location) == (303, f"/jobs/{job}")
    page = bob.get(f"/jobs/{job}").text
    assert "Cancelled" in page
    assert REFRESH not in page
    assert bob.send(f"/jobs/{job}/cancel").status_code == 409


def test_a_running_job_says_how_far_it_is_and_how_long_it_will_take(bob, queued, change):
    job = queued()
    begun = utcnow() - timedelta(seconds=60)
    change(
        job, state="running", started_at=begun, done=1_000, total=3_000, message="900 rows stored"
    )
    page = bob.get(f"/jobs/{job}").text
    assert '<progress value="1000" max="3000"' in page
    assert "1,000 of 3,000" in page
    assert "900 rows stored" in page
    assert "2 min" in page
    bob.send(f"/jobs/{job}/cancel")
    assert "It stops at its next step" in bob.get(f"/jobs/{job}").text


def test_a_done_job_tells_counts_and_what_was_left_out(bob, queued, work):
    job = queued()
    work()
    page = bob.get(f"/jobs/{job}").text
    assert "<b>3</b> rows stored, <b>1</b> row left out" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "the first 1 of 5" in page
    assert "Retry" not in page
    assert "Undo import" not in page
    assert REFRESH not in page


def test_a_failed_job_tells_why_and_runs_again(bob, queued, change, work):
    job = queued(fail=True)
    work()
    page = bob.get(f"/jobs/{job}").text
    assert "The numbers ran out." in page
    assert "<title>Error: " in page
    change(job, arguments={})
    assert bob.send(f"/jobs/{job}/retry").status_code == 303
    work()
    assert "Done" in bob.get(f"/jobs/{job}").text
    assert bob.send(f"/jobs/{job}/retry").status_code == 409


def test_a_program_reads_the_same(bob, queued, work):
    job = queued()
    work()
    told = bob.get(f"/jobs/{job}.json").json
    assert (told["state"], told["done"], told["total"], told["result"]["rows"]) == ("done", 3, 3, 3)
    assert told["ended_at"].endswith("Z")
    assert bob.get("/jobs/999.json").json["status"] == 404


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "under 1 s"), (5, "5 s"), (125, "2 min 5 s"), (3_840, "1 h 4 min")]
)
def test_durations_are_in_words(seconds, words):
    assert services.duration(timedelta(seconds=seconds)) == words


def row(app, job_id):
    with app.app_context():
        return db.session.get(Job, job_id)


def test_a_kind_that_nobody_knows_fails_in_words(app, queued, work, change):
    job_id = queued()
    change(job_id, kind="files.scan")
    work()
    assert row(app, job_id).message == "Nothing in this app does work of the kind “files.scan”."


def test_a_run_that_was_taken_for_dead_neither_goes_on_nor_ends_the_job(
    app, queued, change, monkeypatch
):
    seen = []

    def slow(work):
        change(work.id, attempts=2)  # the sweep put it back, and another worker has claimed it
        try:
            work.progress(3, 3)
        except jobs.Lost:
            seen.append("lost")
            raise
        return {}

    monkeypatch.setitem(jobs.KINDS, "count", slow)
    job_id = queued()
    with app.app_context():
        jobs.run(job_id)
    assert seen == ["lost"]
    assert row(app, job_id).state == "running"


def test_a_busy_database_stops_neither_the_work_nor_its_heart(app, queued, monkeypatch):
    real, failed = jobs.writing_connection, threading.Event()

    def busy(*_args, **_options):
        failed.set()
        raise OperationalError("UPDATE job", {}, sqlite3.OperationalError("database is locked"))

    def slow(work):
        monkeypatch.setattr(jobs, "writing_connection", busy)
        assert failed.wait(5)  # a beat
        work.progress(3, 3)
        monkeypatch.setattr(jobs, "writing_connection", real)
        before, until = row(app, work.id).beat_at, time.monotonic() + 5
        while row(app, work.id).beat_at == before:
            assert time.monotonic() < until
            time.sleep(0.02)
        return {}

    monkeypatch.setattr(jobs, "BEAT_SECONDS", 0.05)
    monkeypatch.setitem(jobs.KINDS, "count", slow)
    job_id = queued()
    with app.app_context():
        jobs.run(job_id)
    assert row(app, job_id).state == "done"


def test_the_sweep_does_not_fill_the_queue_with_what_is_in_it(app, queued, change):
    for _ in range(3):
        change(queued(), created_at=utcnow() - timedelta(minutes=5))
    with app.app_context():
        queue = jobs.queue_of(app).huey
        jobs.sweep()
        assert queue.pending_count() == 3
        queue.flush()
        jobs.sweep()
        assert queue.pending_count() == 3


def test_a_sweep_that_fails_leaves_the_others_to_do_their_part(app, monkeypatch, caplog):
    done = []
    monkeypatch.setattr(jobs, "SWEEPS", [lambda: 1 / 0, lambda: done.append("the next")])
    with app.app_context():
        jobs.sweep()
    assert done == ["the next"]
    assert "ZeroDivisionError" in caplog.text
