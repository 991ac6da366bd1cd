"""What it costs to change a table that is in use, and to read across links.

    python tests/bench/changing.py [records] [database URL]

Of a table of 1,000,000 records: how long it takes to add a field, how long a type change takes in
the process beside, and the longest that a reader of its list waits meanwhile. Then: memory over 500
publishes; a list with three links against the same without; a record with 100,000 linked records
against one with ten. Ratios from one run. Linux only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from app import create_app, database  # noqa: E402
from app.database import writing  # noqa: E402
from app.extensions import db  # noqa: E402
from app.fields import Field, named  # noqa: E402
from app.permissions import SYSTEM  # noqa: E402
from app.tables import catalog, listing  # noqa: E402
from app.tables.changing import apply  # noqa: E402
from app.tables.table import Table  # noqa: E402

WORKER = "from app import create_app, jobs; create_app().app_context().push(); jobs.run_queued()"


def field(name: str, word: str, **options: Any) -> Field:
    """A field by the word for its type."""
    kind, usual = named(word)
    return Field(name, name, name.capitalize(), kind, options={**kind.usual, **usual, **options})


def make(name: str, *fields: Field) -> catalog.Live:
    """A table."""
    with writing():
        catalog.create(Table(0, 0, "bench", name, name.capitalize(), fields, title=fields[0].name))
    return catalog.tables()["bench", name]


def fill(live: catalog.Live, count: int, **values: str) -> None:
    """Records made by the database itself; `values` are SQL over `n`, which counts from 1."""
    numbers = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < :count) "
    system = {"version": "1", "created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"}
    all_of_them = {**values, **system}
    names, found = ", ".join(all_of_them), ", ".join(all_of_them.values())
    insert = f"INSERT INTO {live.sql.name} ({names}) {numbers} SELECT {found} FROM t"
    with writing() as session:
        session.execute(sa.text(insert), {"count": count})


def changed(live: catalog.Live, *fields: Field) -> Table:
    """The table with these fields in place of those of the same names, or besides."""
    by_name = {one.name: one for one in (*live.declared.fields, *fields)}
    return replace(live.declared, fields=tuple(by_name.values()))


def read_list(name: str, **args: str) -> Any:
    """The first page of the list, as a request of its own would read it."""
    catalog.forget()
    live = catalog.tables()["bench", name]
    page = listing.page(SYSTEM, live, listing.read(live, {k: [v] for k, v in args.items()}))
    db.session.rollback()
    return page


def took(act: Callable[[], Any]) -> float:
    """Seconds."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def publishing(count: int, environ: dict[str, str]) -> None:
    """Add a field, then make numbers of a text, while somebody reads."""
    live = make("big", field("name", "text"), field("amount", "text"))
    fill(live, count, name="'Item ' || n", amount="CAST(n % 1000 AS VARCHAR(9))")
    version = live.table.version
    added = took(lambda: apply(SYSTEM, live, changed(live, field("note", "text")), version))
    live = catalog.tables()["bench", "big"]
    new = changed(live, field("amount", "integer"))
    looked = took(lambda: apply(SYSTEM, live, new, live.table.version))
    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=CHECKOUT, env=environ)
    began, waits = time.perf_counter(), []
    while worker.poll() is None:
        waits.append(took(lambda: read_list("big")))
    whole = time.perf_counter() - began
    catalog.forget()
    assert catalog.tables()["bench", "big"].table.by_name["amount"].type.name == "integer"
    print(f"{count:,} records: a field is added in {added:.3f} s (under 1)")
    print(
        f"  a type change: looked at in {looked:.1f} s, done in {whole:.1f} s; "
        f"of {len(waits)} lists read meanwhile the slowest took {max(waits):.2f} s "
        f"(under 0.5), usual {median(waits):.2f} s"
    )


def memory() -> float:
    """Resident memory of this process in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def again_and_again() -> None:
    """Publish one small table 500 times, and read it each time."""
    make("small", field("name", "text"))
    at: list[float] = []
    for n in range(600):
        live = catalog.tables()["bench", "small"]
        new = changed(live, replace(field("name", "text"), label=f"Name {n}"))
        apply(SYSTEM, live, new, live.table.version)
        db.session.remove()
        read_list("small")
        if n in (99, 599):
            at.append(memory())
    print(f"500 publishes: {at[1] - at[0]:+.1f} MiB, from {at[0]:.0f} MiB")


def interleaved(acts: Sequence[Callable[[], Any]], rounds: int = 40) -> list[float]:
    """The usual CPU seconds of each, taken by turns."""
    times: list[list[float]] = [[] for _ in acts]
    for n in range(rounds + 3):
        for one, act in zip(times, acts, strict=True):
            began = time.process_time()
            act()
            if n >= 3:
                one.append(time.process_time() - began)
    return [median(one) for one in times]


def signed_in(app: Any) -> Any:
    """The browser of an administrator."""
    from app import people, sessions

    person = people.add("ada@example.com", "Ada", admin=True, password="several good words")
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = sessions.begin(person.id, "bench", "::1"), True
    return client


def links(client: Any) -> None:
    """Lists with and without links; records with many and with few that link to them."""
    three = []
    for name in ("people", "places", "things"):
        other = make(name, field("name", "text"))
        fill(other, 100_002, name=f"'{name} ' || n")
        three.append(field(f"link_{name}", "link", table=other.table.id))
    live = make("tasks", *(field(f"text{n}", "text") for n in range(8)), *three)
    fill(
        live, 100_010, **{f"text{n}": "'Text ' || n" for n in range(8)},
        link_people="CASE WHEN n <= 100000 THEN 1 ELSE 2 END",
        link_places="n % 100000 + 1", link_things="n % 777 + 1",
    )  # fmt: skip
    five = ",".join(f"text{n}" for n in range(5))
    pages = [
        f"/tools/bench/tasks/?fields={five},text5,text6,text7",
        f"/tools/bench/tasks/?fields={five},link_people,link_places,link_things",
        "/tools/bench/people/2", "/tools/bench/people/1",
    ]  # fmt: skip
    assert all(client.get(one).status_code == 200 for one in pages)
    plain, linked, few, many = interleaved([lambda one=one: client.get(one) for one in pages])
    print(f"a list with three links: {linked / plain:.2f} times the one without (at most 1.5)")
    print(f"a record with 100,000 linked records: {many / few:.2f} times one with ten")


def main() -> None:
    """Print the numbers."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    folder = tempfile.mkdtemp()
    environ = {**os.environ, "ROUNDTRIP_INSTANCE": folder, "ROUNDTRIP_TRIPS": "off"}
    if len(sys.argv) > 2:
        environ["ROUNDTRIP_DATABASE_URL"] = sys.argv[2]
    os.environ.update(environ)
    app = create_app()
    with app.app_context():
        database.upgrade(app)
        publishing(count, environ)
        again_and_again()
        links(signed_in(app))


if __name__ == "__main__":
    main()
