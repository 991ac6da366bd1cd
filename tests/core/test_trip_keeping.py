"""What is kept, where, for how long; and that keeping never hurts a request."""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Response

from app import trips
from app.database import db
from app.permissions import public
from app.trips import guard, store, verdicts
from app.trips import keeper as keeping
from app.trips.reading import MAX_SPANS
from app.trips.trip import MAX_LOGS, Trip


@pytest.fixture
def keeper(app):
    """The keeper of an app with three routes."""

    @app.get("/ok")
    @public
    def ok():
        return "ok"

    @app.get("/boom")
    @public
    def boom():
        raise ValueError("x")

    @app.get("/flood/<int:count>")
    @public
    def flood(count):
        import logging

        with db.engine.connect() as connection:
            for _ in range(count):
                connection.exec_driver_sql("SELECT 1")
        for n in range(count // 10):
            logging.getLogger("flood").warning("line %s", n)
        return "flooded"

    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.extensions["trips"]


def get(app, path):
    answer = app.test_client().get(path)
    answer.get_data()
    answer.close()
    return answer.headers["X-Trip-Id"]


def test_errors_are_kept_on_disk_and_one_in_a_hundred_of_the_rest(app, keeper, monkeypatch):
    monkeypatch.setattr(keeping, "SLOW_NS", 60_000_000_000)  # not even on a busy machine
    wanted = get(app, "/boom")
    for _ in range(120):
        get(app, "/ok")
    keeper.store.flush()
    kept = {row["id"]: row["keep"] for row in keeper.store.rows()}
    assert kept[wanted] == "error"
    assert sorted(kept.values()) == ["error", "sample"]
    assert keeper.store.read(wanted)["error"] == "ValueError: x"


def test_memory_keeps_the_newest_and_errors_are_not_pushed_out(app, keeper):
    wanted = get(app, "/boom")
    for _ in range(keeper.recent.maxlen + 5):
        get(app, "/ok")
    assert len(keeper.recent) == keeper.recent.maxlen
    assert keeper.find(wanted)["status"] == 500


def test_a_marked_trip_is_kept(app, keeper):
    wanted = get(app, "/ok")
    assert keeper.mark(wanted)
    keeper.store.flush()
    assert keeper.store.read(wanted)["keep"] == "marked"
    assert not keeper.mark("0" * 16)


def test_a_flood_of_queries_is_capped_counted_and_said(app, keeper):
    data = keeper.find(get(app, "/flood/10000"))
    assert len(data["queries"]) <= MAX_SPANS
    assert data["n_queries"] == 10_000
    assert data["truncated"]["query"] > 9_000
    assert len(data["logs"]) == MAX_LOGS
    assert data["truncated"]["log"] == 800
    assert abs(data["unaccounted_us"]) < data["total_us"] * 0.02, (
        "time over the cap still has a stage"
    )
    database = next(stage for stage in data["stages"] if stage["name"] == "database")
    assert database["own_us"] > data["total_us"] * 0.01
    assert any(hook["name"] == "hooks.request_line" for hook in data["hooks"]), (
        "hooks are all there"
    )


def test_a_locked_full_or_broken_file_drops_trips_counts_them_and_hurts_no_request(
    app, keeper, monkeypatch
):
    keeper.keep_all = True
    get(app, "/ok")
    keeper.store.flush()
    lock = sqlite3.connect(keeper.store.path)
    lock.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(sqlite3, "connect", short_timeout(sqlite3.connect))
    began = time.perf_counter()
    get(app, "/ok")
    assert time.perf_counter() - began < 1
    keeper.store.flush(10)
    lock.rollback()
    lock.close()
    assert keeper.store.dropped == 1
    wanted = get(app, "/ok")
    keeper.store.flush()
    assert keeper.store.read(wanted), "it recovers by itself"


def short_timeout(connect):
    return lambda *args, **options: connect(*args, **options | {"timeout": 0.1})


def test_a_file_that_is_no_database_only_drops(tmp_path):
    file = tmp_path / "trips.sqlite"
    file.write_bytes(b"not a database" * 100)
    broken = store.Store(file)
    trip = Trip("GET", "/", time.perf_counter_ns())
    trip.end()
    broken.put(trip)
    broken.flush()
    assert broken.dropped == 1
    assert broken.rows() == []


def test_a_full_queue_counts_what_it_drops(tmp_path):
    full = store.Store(tmp_path / "trips.sqlite")
    full._pid = -1
    trip = Trip("GET", "/", 0)
    full._queue.extend([trip] * store.QUEUE)
    full.put(trip)
    assert full.dropped == 1


def test_many_trips_at_once_are_written_before_the_queue_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "PAUSE", 60)
    busy = store.Store(tmp_path / "trips.sqlite")
    trip = Trip("GET", "/", time.perf_counter_ns())
    trip.end()
    for _ in range(store.QUEUE // 2 + 1):
        busy.put(trip)
    assert busy._idle.wait(10)
    assert busy.dropped == 0 and len(busy.rows()) == 1


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_TRIPS", 250), ("MAX_BYTES", 150_000), ("MAX_DAYS", 0)]
)
def test_each_of_the_three_limits_is_kept(tmp_path, monkeypatch, limit, value):
    full = store.Store(tmp_path / "trips.sqlite")
    for _ in range(5):
        trips = [Trip("GET", "/x" * 50, time.perf_counter_ns()) for _ in range(100)]
        for trip in trips:
            trip.end()
            trip.began_at -= 10
        full._write(trips)
    assert len(full.rows(1000)) == 500
    monkeypatch.setattr(store, limit, value)
    gone = full.prune()
    left = full.rows(1000)
    assert len(left) == 500 - gone
    assert left or limit == "MAX_DAYS", "only what is over the limit goes"
    assert gone % store.SLICE == 0 or not left
    with full._open() as connection:
        assert not store._over(
            connection,
            time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - store.MAX_DAYS * 86_400)),
        )


def test_a_probe_that_fails_three_times_switches_itself_off_and_says_so(app, keeper, monkeypatch):
    calls = []

    def broken(*_):
        calls.append(1)
        raise RuntimeError("the probe is broken")

    broken.__name__ = "broken_probe"
    probe = guard.guarded(broken)
    monkeypatch.setattr("app.trips.recording.judge_after", probe)
    try:
        for _ in range(5):
            assert keeper.find(get(app, "/ok"))["status"] == 200
        assert len(calls) == guard.FAILURES_ALLOWED
        name = f"{broken.__module__.rpartition('.')[2]}.broken_probe"
        assert guard.switched_off[name] == "RuntimeError: the probe is broken"
    finally:
        guard.switched_off.clear()


def test_recording_off_records_nothing_and_everything_works(instance):
    from app import create_app

    app = create_app({"INSTANCE": instance, "TESTING": True, "TRIPS": "off"})
    answer = app.test_client().get("/healthz")
    assert answer.status_code == 200
    assert len(answer.headers["X-Trip-Id"]) == 16
    assert list(app.extensions["trips"].in_memory()) == []


def test_requests_at_the_same_time_do_not_mix_their_trips(app, keeper):
    found = {}

    def run(n):
        for _ in range(20):
            data = keeper.find(get(app, f"/flood/{n}"))
            found.setdefault(n, set()).add(data["n_queries"])

    threads = [threading.Thread(target=run, args=(n,)) for n in (1, 3, 5, 7)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert found == {1: {1}, 3: {3}, 5: {5}, 7: {7}}


def test_a_clock_that_jumps_gives_no_negative_times(app, keeper, monkeypatch):
    jumps = iter(range(10**9, 0, -86_400))
    monkeypatch.setattr("app.trips.trip.time.time", lambda: float(next(jumps)))
    for _ in range(3):
        data = keeper.find(get(app, "/ok"))
        assert data["total_us"] > 0
        assert all(stage["own_us"] is None or stage["own_us"] >= 0 for stage in data["stages"])


def test_headers_are_compared_by_name_never_by_value():
    told = verdicts.header_changes(
        [("A", "1"), ("B", "1"), ("C", "secret")], [("A", "1"), ("B", "2"), ("D", "secret")]
    )
    assert told == ["added D", "changed B", "removed C"]


def test_a_trip_that_cannot_be_written_takes_no_other_along(app, keeper):
    keeper.keep_all = True

    @app.get("/odd")
    @public
    def odd():
        with trips.step(Path("a step is named by text")):
            return "odd"

    get(app, "/odd")
    wanted = get(app, "/ok")
    keeper.store.flush()
    assert keeper.store.dropped == 1
    wanted = [wanted, get(app, "/ok")]
    keeper.store.flush()
    assert all(map(keeper.store.read, wanted)), "the writer lives on"


def test_a_trip_marked_while_it_runs_is_written_when_it_ends(app, keeper):
    @app.get("/marks-itself")
    @public
    def marks_itself():
        assert keeper.mark(trips.current().id)
        keeper.store.flush()
        return "marked"

    wanted = get(app, "/marks-itself")
    keeper.store.flush()
    data = keeper.store.read(wanted)
    assert (data["keep"], data["outcome"], data["status"]) == ("marked", "ok", 200)


def test_log_lines_with_a_mistake_in_them_switch_nothing_off(app, keeper, monkeypatch):
    import logging

    monkeypatch.setattr(logging, "raiseExceptions", False)

    @app.get("/mistake")
    @public
    def mistake():
        logging.getLogger("mistake").warning("%d", "no number")
        return "ok"

    for _ in range(5):
        data = keeper.find(get(app, "/mistake"))
    assert data["logs"][0]["text"] == "mistake: %d"
    assert not guard.switched_off


def test_what_the_recorder_cannot_read_it_lets_pass(app, keeper):
    @dataclass
    class Gate:  # equal by value, and so without a hash
        def __call__(self):
            return None

    @app.get("/odd-status")
    @public
    def odd_status():
        return Response("odd", status="odd")

    app.before_request(Gate())
    assert app.test_client().get("/odd-status").status == "0 odd"
    assert app.test_client().get("/ok").status_code == 200
