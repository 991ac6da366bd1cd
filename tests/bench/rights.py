"""What rights add to a list page of 50 out of 1,000,000 records.

    python tests/bench/rights.py [records]

The same list for somebody to whom the table is open, and for somebody with five roles, three of them with
a rule: one's own records, those of one's team, those of a region. CPU of this process a page, by turns, in
one run; counts are known to the process, as they are from the second look at a list on.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from statistics import quantiles
from typing import Any

from changing import field, fill, make

from app import create_app, database, people, roles, sessions
from app.extensions import db
from app.people import set_roles
from app.permissions import READING, SYSTEM, Grant
from app.tables import catalog, ddl, history

ROUNDS = 25
RULES = ("owner == me", "team in me.roles", 'region == "R7"')


def browser(app: Any, email: str) -> Any:
    """Somebody who has signed in."""
    client = app.test_client()
    with client.session_transaction() as session:
        token = sessions.begin(people.find(email).id, "bench", "::1")
        session["_user_id"], session["_fresh"] = token, True
    return client


def table(name: str, count: int, access: str) -> Any:
    """A table of so many records, of which one's own, one's team's and a region's are a few thousand."""
    texts = [field(f"text{n}", "text") for n in range(7)]
    live = make(
        name, *texts, field("owner", "person"), field("team", "text"), field("region", "text")
    )
    fill(
        live, count, **{f"text{n}": "'Text ' || n" for n in range(7)}, owner="n % 3 + 1",
        team="'T' || (n % 500)", region="'R' || (n % 1000)",
    )  # fmt: skip
    with database.writing(), history.acting(SYSTEM):
        found = catalog.definition(live.table.id)
        found.access = access
        for column in ("team", "region"):
            ddl.index(found.sql_name, column, False)
    catalog.forget()
    return catalog.by_id(live.table.id)


def roles_of_bob(live: Any) -> None:
    """Five roles: three with a rule, two that give nothing on this table."""
    about = {"tool": "bench", "table": live.table.id}
    lines = [[Grant("", READING, rule, **about)] for rule in RULES]
    made = [
        roles.create(SYSTEM, f"T{n}", "", (), one) for n, one in enumerate([*lines, [], []])
    ]  # fmt: skip
    set_roles(people.find("bob@example.com").id, [one.id for one in made], SYSTEM)


def figures(asks: Sequence[tuple[Any, str]]) -> list[float]:
    """The usual CPU milliseconds of each page, asked in rotating turns."""
    times: list[list[float]] = [[] for _ in asks]
    for n in range(ROUNDS + 3):
        for k in range(len(asks)):
            place = (n + k) % len(asks)
            who, url = asks[place]
            began = time.process_time()
            for _ in range(10):
                assert who.get(url).status_code == 200
            if n >= 3:
                times[place].append(time.process_time() - began)
    return [quantiles(one, n=5)[0] * 100 for one in times]


def main() -> None:
    """Print the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    os.environ.update(ROUNDTRIP_INSTANCE=tempfile.mkdtemp(), ROUNDTRIP_TRIPS="off")
    app = create_app()
    with app.app_context():
        database.upgrade(app)
        for name in ("ada", "bob", "cleo"):
            password = "several good words"
            people.add(f"{name}@example.com", name, admin=name == "ada", password=password)
        table("opened", count, "read")
        roles_of_bob(table("ruled", count, "private"))
        db.session.remove()
        bob = browser(app, "bob@example.com")
        free, ruled = figures([(bob, "/tools/bench/opened/"), (bob, "/tools/bench/ruled/")])
    print(f"{count:,} records, open to everybody: {free:.2f} ms a page")
    print(f"five roles, three rules: {ruled / free:.2f} times that (at most 1.15)")


if __name__ == "__main__":
    main()
