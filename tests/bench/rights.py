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
from typing import Any

from changing import field, fill, interleaved, make

from app import create_app, database, people, roles, sessions
from app.extensions import db
from app.permissions import READING, SYSTEM, Grant
from app.tables import catalog, ddl, history

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


def main() -> None:
    """Print the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    os.environ.update(ROUNDTRIP_INSTANCE=tempfile.mkdtemp(), ROUNDTRIP_TRIPS="off")
    app = create_app()
    with app.app_context():
        database.upgrade(app)
        for name in ("ada", "bob", "cleo"):
            people.add(
                f"{name}@example.com", name, admin=name == "ada", password="several good words"
            )
        opened, ruled = table("opened", count, "read"), table("ruled", count, "private")
        given = [
            roles.create(SYSTEM, f"T{n}", "", (), [Grant("", READING, rule, tool="bench", table=ruled.table.id)] if rule else [])
            for n, rule in enumerate((*RULES, "", ""))
        ]  # fmt: skip
        roles.give(SYSTEM, people.find("bob@example.com").id, [one.id for one in given])
        db.session.remove()
        ada, bob = browser(app, "ada@example.com"), browser(app, "bob@example.com")
        asks = [
            (bob, "/tools/bench/opened/"), (bob, "/tools/bench/ruled/"), (ada, "/tools/bench/ruled/"),
        ]  # fmt: skip
        assert all(who.get(url).status_code == 200 for who, url in asks)
        print([len(who.get(url).data) for who, url in asks])
        free, ruled_, admin = interleaved([lambda one=one: one[0].get(one[1]) for one in asks], 100)
    import time

    for k in range(3):
        for who, url in asks:
            b = time.process_time()
            [who.get(url) for _ in range(20)]
            print(url, (time.process_time() - b) / 20 * 1e3)
    print(f"{count:,} records, open to everybody: {free * 1e3:.2f} ms a page")
    print(f"five roles, three rules: {ruled_ / free:.2f} times that (at most 1.15)")
    print(f"an administrator: {admin / free:.2f} times that")


if __name__ == "__main__":
    main()
