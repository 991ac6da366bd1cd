"""Trips on disk: a SQLite file of their own, written by one thread, cleaned by the same.

If the file is locked, full or gone, trips are dropped and counted; a request never notices.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from app.trips.report import as_dict
from app.trips.trip import Trip

MAX_DAYS, MAX_TRIPS, MAX_BYTES = 7, 20_000, 200_000_000
QUEUE, BATCH, SLICE = 1_000, 200, 100
PAUSE = 1.0  # seconds in which trips gather to a batch

_SCHEMA = """
CREATE TABLE IF NOT EXISTS trip (
    id TEXT PRIMARY KEY, began_at TEXT, method TEXT, path TEXT, route TEXT, status INTEGER, total_us INTEGER,
    n_queries INTEGER, person_id INTEGER, person TEXT, outcome TEXT, keep TEXT, weight INTEGER, own_us TEXT, data BLOB
);
CREATE INDEX IF NOT EXISTS trip_began_at ON trip (began_at);
"""
_COLUMNS = "id, began_at, method, path, route, status, total_us, n_queries, person_id, person, outcome, keep, own_us"


class Store:
    """The file of kept trips. `dropped` counts those that could not be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dropped = 0
        self._queue: deque[Trip] = deque()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._hurry = threading.Event()
        self._pid = 0

    def put(self, trip: Trip) -> None:
        """Hand a trip to the writer; never waits."""
        if len(self._queue) >= QUEUE:
            self.dropped += 1
            return
        self._queue.append(trip)
        self._idle.clear()
        self._wake.set()
        if len(self._queue) > QUEUE // 2:
            self._hurry.set()
        if self._pid != os.getpid():  # the first trip of this process
            self._pid = os.getpid()
            threading.Thread(target=self._write_on, name="trips", daemon=True).start()

    def flush(self, seconds: float = 5) -> None:
        """Wait until everything handed over is written, at most so long."""
        if self._queue or not self._idle.is_set():
            self._hurry.set()
            self._idle.wait(seconds if self._pid == os.getpid() else 0)

    def _write_on(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._hurry.wait(PAUSE)
            self._hurry.clear()
            while self._queue:
                self._write([self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))])
            self._idle.set()
            if self._queue:  # handed over since the look
                self._idle.clear()

    def _write(self, batch: list[Trip]) -> None:
        try:
            rows = [row for trip in batch if (row := self._row(trip))]
            with self._open() as db:
                db.executemany(f"INSERT OR REPLACE INTO trip VALUES ({', '.join('?' * 15)})", rows)
                db.commit()
                prune(db)
        except (sqlite3.Error, OSError, ValueError):
            self.dropped += len(batch)

    def _row(self, trip: Trip) -> tuple[Any, ...] | None:
        """None, and counted, for a trip that cannot be written: the others and the thread go on."""
        try:
            return _row(as_dict(trip))
        except Exception:
            self.dropped += 1
            return None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=2)) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'trip'").fetchone():
                db.execute("PRAGMA auto_vacuum = INCREMENTAL")
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(_SCHEMA)
            db.execute("PRAGMA synchronous = NORMAL")
            yield db

    def read(self, trip_id: str) -> dict[str, Any] | None:
        """A kept trip as `report.as_dict` gave it, or None."""
        for (data,) in self._select("SELECT data FROM trip WHERE id = ?", (trip_id,)):
            return dict(json.loads(zlib.decompress(data)))
        return None

    def mark(self, trip_id: str) -> bool:
        """Note that somebody wants this trip kept."""
        return bool(
            self._select("UPDATE trip SET keep = 'marked' WHERE id = ? RETURNING 1", (trip_id,))
        )

    def rows(self, limit: int = 500) -> list[dict[str, Any]]:
        """Summaries of the kept trips, the newest first."""
        names = _COLUMNS.split(", ")
        found = self._select(
            f"SELECT {_COLUMNS} FROM trip ORDER BY began_at DESC LIMIT ?", (limit,)
        )
        rows = [dict(zip(names, row, strict=True)) for row in found]
        return [
            row | {"own_us": [int(n) if n else None for n in row["own_us"].split(",")]}
            for row in rows
        ]

    def prune(self) -> int:
        """Delete what is over one of the three limits; how many trips went."""
        if not self.path.is_file():
            return 0
        with self._open() as db:
            return prune(db)

    def _select(self, statement: str, arguments: tuple[Any, ...]) -> list[Any]:
        if not self.path.is_file():
            return []
        try:
            with self._open() as db:
                found = db.execute(statement, arguments).fetchall()
                db.commit()
                return found
        except sqlite3.Error:
            return []


def prune(db: sqlite3.Connection) -> int:
    """Delete by age, count and size, oldest first, in slices that lock the file only for a moment."""
    gone = 0
    cutoff = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - MAX_DAYS * 86_400))
    while _over(db, cutoff):
        deleted = db.execute(
            "DELETE FROM trip WHERE id IN (SELECT id FROM trip ORDER BY keep = 'marked', began_at LIMIT ?)"
            if db.execute("SELECT min(began_at) FROM trip").fetchone()[0] >= cutoff
            else "DELETE FROM trip WHERE id IN (SELECT id FROM trip ORDER BY began_at LIMIT ?)",
            (SLICE,),
        ).rowcount
        db.commit()
        db.executescript("PRAGMA incremental_vacuum")  # `execute` would take one step: one page
        gone += deleted
        if not deleted:
            break
    return gone


def _over(db: sqlite3.Connection, cutoff: str) -> bool:
    count, oldest = db.execute("SELECT count(*), min(began_at) FROM trip").fetchone()
    used = db.execute(
        "SELECT (SELECT page_count FROM pragma_page_count) * page_size FROM pragma_page_size"
    ).fetchone()[0]
    return bool(count) and (count > MAX_TRIPS or used > MAX_BYTES or oldest < cutoff)


def _row(data: dict[str, Any]) -> tuple[Any, ...]:
    own = ",".join(
        "" if stage["own_us"] is None else str(stage["own_us"]) for stage in data["stages"]
    )
    blob = zlib.compress(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())
    names = (
        "id",
        "began_at",
        "method",
        "path",
        "route",
        "status",
        "total_us",
        "n_queries",
        "person_id",
        "person",
        "outcome",
        "keep",
    )
    weight = 100 if data["keep"] == "sample" else 1
    return (*(data[name] for name in names), weight, own, blob)
