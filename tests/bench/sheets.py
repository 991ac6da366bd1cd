"""What an import and an export of 100,000 × 11 cost, against what somebody would write by hand.

    python tests/bench/sheets.py [rows]

By hand, the import is `csv` and typed `executemany` into a table with the same columns, every cell
checked and converted; the export is a cursor loop into `csv.writer`. Ratios of CPU from one run;
memory is what the process takes at most beyond what it had before. Linux only.
"""

from __future__ import annotations

import csv
import io
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from orders import HEADINGS, write

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


COLUMNS = [one.lower().replace(" ", "_") for one in HEADINGS]


def _cents(text: str) -> int:
    return int(Decimal(text).scaleb(2).to_integral_exact())


def _text(text: str) -> str | None:
    if len(text) > 255:
        raise ValueError(text)
    return text or None


def _moment(text: str) -> str | None:
    return datetime.fromisoformat(text).isoformat(" ") if text else None


TYPES: list[Callable[[str], object]] = [
    _text, _text, _text, _text, _text, int, _cents, _text,
    lambda text: date.fromisoformat(text).isoformat(), _moment, {"true": 1, "false": 0}.__getitem__,
]  # fmt: skip


def import_by_hand(file: Path, database: Path) -> None:
    """`csv`, a function for each column, `executemany` in one transaction."""
    with (
        closing(sqlite3.connect(database)) as connection,
        file.open(encoding="utf-8", newline="") as lines,
    ):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("DROP TABLE IF EXISTS orders")
        connection.execute(f"CREATE TABLE orders (id INTEGER PRIMARY KEY, {', '.join(COLUMNS)})")
        reader = csv.reader(lines)
        next(reader)
        marks = ", ".join("?" * len(COLUMNS))
        rows = ([kind(cell) for kind, cell in zip(TYPES, row, strict=True)] for row in reader)
        connection.executemany(f"INSERT INTO orders ({', '.join(COLUMNS)}) VALUES ({marks})", rows)
        connection.commit()


def _row(row: tuple[Any, ...]) -> list[Any]:
    """A row as the export has it: cents as amounts, moments in ISO, words for yes and no, formulas guarded."""
    *texts, count, cents, status, day, moment, paid = row
    texts = [f"'{text}" if text[:1] in "=+-@" else text for text in texts]
    amount, shipped = (
        f"{Decimal(cents).scaleb(-2)}",
        f"{moment[:10]}T{moment[11:19]}Z" if moment else "",
    )
    return [*texts, count, amount, status, day, shipped, "true" if paid else "false"]


def export_by_hand(database: Path) -> bytes:
    """A cursor, 2,000 rows a chunk."""
    parts, headings = [], True
    with closing(sqlite3.connect(database)) as connection:
        cursor = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM orders ORDER BY id")
        while rows := cursor.fetchmany(2_000):
            buffer = io.StringIO()
            writer = csv.writer(buffer)
            if headings:
                writer.writerow(HEADINGS)
                headings = False
            writer.writerows(map(_row, rows))
            parts.append(buffer.getvalue().encode())
    return b"".join(parts)


def cpu_of(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of CPU of this process, all its threads: the least of some rounds."""
    found = []
    for _ in range(times):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def memory() -> float:
    """The most this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder = Path(tempfile.mkdtemp())
    file, by_hand = write(count, folder / "orders.csv"), folder / "hand.sqlite"
    hand = cpu_of(lambda: import_by_hand(file, by_hand))

    from app import create_app, database, jobs
    from app.permissions import SYSTEM
    from app.sheets import inspect
    from app.sheets.exporting import as_csv
    from app.sheets.importing import Import, enqueue
    from app.tables import catalog, listing

    app = create_app({"INSTANCE": folder / "instance", "TRIPS": "off"})
    with app.app_context():
        database.upgrade(app)
        looked = cpu_of(lambda: inspect(file))
        plan = inspect(file).plan()
        names = iter(("orders", "orders_2", "orders_3"))

        def import_one() -> None:
            wanted = Import(str(file), file.name, plan, next(names), "orders", "Orders")
            jobs.run(enqueue(SYSTEM, wanted, count).id)

        before = memory()
        ours = cpu_of(import_one)
        grown = memory() - before
        print(
            f"import of {count:,} × 11: {ours:.2f} s, by hand {hand:.2f} s: ratio {ours / hand:.2f} (at most 2.5)"
        )
        print(
            f"  looking at the file first: {looked:.2f} s; memory {grown:.0f} MiB more (at most 120)"
        )
        catalog.forget()
        live = catalog.tables()["orders", "orders"]
        query = listing.read(live, {"fields": [",".join(one.name for one in live.table.fields)]})

        def stream() -> bytes:
            return b"".join(as_csv(SYSTEM, live, query))

        began = time.perf_counter()
        next(as_csv(SYSTEM, live, query))
        first = time.perf_counter() - began
        assert stream() == export_by_hand(by_hand), "both write the same file"
        hand = cpu_of(lambda: export_by_hand(by_hand))
        before = memory()
        ours = cpu_of(stream)
        print(
            f"export as CSV: {ours:.2f} s, by hand {hand:.2f} s: ratio {ours / hand:.2f} (at most 1.5)"
        )
        print(
            f"  first byte after {first * 1000:.0f} ms (at most 100); memory {memory() - before:.0f} MiB more"
        )


if __name__ == "__main__":
    main()
