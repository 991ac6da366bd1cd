"""Who may do what, on every address: asked of the real app, as a table that people can read.

    python tests/suites/matrix.py          prints the table as it is now; `matrix.txt` has what is expected

One line is a method and an address; where the address has a record, one line for a record of one's own and one
for somebody else's. One column is somebody who asks:

    a  anonymous                   d  the owner of another tool
    n  a member without a role     A  an administrator
    r  a reader of the tool        k  the editor's key that reads
    e  an editor of it             w  the editor's key that writes
    o  an editor of own rows       t  the editor's key for another table
    h  an editor who does not see  K  the administrator's key for everything
       one field

One sign is what came: `+` let in (whatever came of it), `s` sent to sign in, `-` refused with 403, `.` as if it
were not there. Each line is asked of the same workspace: what a request has changed is put back.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from app import create_app, database, jobs, people, roles, sessions, tokens  # noqa: E402
from app.database import writing  # noqa: E402
from app.extensions import db  # noqa: E402
from app.people import set_roles  # noqa: E402
from app.permissions import EDITING, READING, SYSTEM, Actor, Grant  # noqa: E402
from app.tables import catalog, history, records  # noqa: E402
from app.tables.table import Table  # noqa: E402
from tests.conftest import PASSWORD, Client  # noqa: E402
from tests.tables.conftest import declared  # noqa: E402

EXPECTED = Path(__file__).with_name("matrix.txt")
WHO = {
    "a": "", "n": "nora", "r": "rita", "e": "ed", "o": "olga", "h": "hugo", "d": "dora", "A": "alice",
    "k": "ed", "w": "ed", "t": "ed", "K": "alice",
}  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NOT_ASKED = re.compile(r"/static/|^/static")
"""Files that everybody may have."""
BLUEPRINTS = CHECKOUT / "blueprints"
OPTIONAL = {
    "/people/": "people", "/api/": "api", "/trips/": "trips", "/docs/": "docs",
    "/tools/equipment/": "equipment",
}  # fmt: skip
"""Addresses that are gone with the folder of their blueprint."""
CONVERTERS = re.compile(r"<(?:[^<>:]+:)?(\w+)>")


class Line(NamedTuple):
    """A method and a rule; `record` is own or other where the rule has one."""

    method: str
    rule: str
    record: str = ""

    def __str__(self) -> str:
        rule = CONVERTERS.sub(r"<\1>", self.rule)
        return f"{self.method:<6} {rule}{f'  ({self.record})' if self.record else ''}"


class Workspace:
    """An app with everybody in it, which is put back after each request that may have changed it."""

    def __init__(self, folder: Path) -> None:
        self.file, self.kept = folder / "instance" / "roundtrip.sqlite", folder / "kept.sqlite"
        self.app = create_app({"INSTANCE": folder / "instance", "TESTING": True})
        self.app.test_client_class = Client
        with self.app.app_context():
            database.upgrade(self.app)
            self.ids = _fill()
            db.session.remove()
        self._begin()
        self._close()
        shutil.copy(self.file, self.kept)

    def _begin(self) -> None:
        """A file that Alice has uploaded, and a trip of hers."""
        alice: Any = self.app.test_client()
        with alice.session_transaction() as session:
            session["_user_id"], session["_fresh"] = self.ids["sessions"]["alice"], True
        sent = {"csrf_token": alice.csrf(), "file": (BytesIO(b"name\r\nx\r\n"), "a.csv")}
        answer = alice.post("/studio/import", data=sent)
        self.ids["tokens"]["/studio/import/"] = answer.location.rpartition("/")[2]
        self.ids["all"]["trip_id"] = answer.headers["X-Trip-Id"]

    def _close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.session.execute(db.text("PRAGMA wal_checkpoint(TRUNCATE)"))
        self._let_go()

    def _let_go(self) -> None:
        """Close what is open: the database and the queue of jobs."""
        if "queue" in self.app.extensions:
            self.app.extensions["queue"].close()
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def put_back(self) -> None:
        """As it was at first."""
        self._let_go()
        for end in ("-wal", "-shm"):
            self.file.with_name(self.file.name + end).unlink(missing_ok=True)
        shutil.copy(self.kept, self.file)
        for kept in ("tables", "roles", "limiter"):
            self.app.extensions.pop(kept, None)

    def lines(self) -> list[Line]:
        """Every method of every rule of the app."""
        found = []
        for rule in self.app.url_map.iter_rules():
            if NOT_ASKED.search(rule.rule):
                continue
            for method in METHODS:
                if method in (rule.methods or ()):
                    kinds = ("own", "other") if "record_id" in rule.arguments else ("",)
                    found += [Line(method, rule.rule, kind) for kind in kinds]
        return sorted(set(found), key=lambda one: (one.rule, METHODS.index(one.method), one.record))

    def url(self, line: Line, who: str) -> str:
        """The address of a line: for things that are there."""
        values = dict(self.ids["all"])
        if line.record:
            whose = WHO[who] if line.record == "own" and WHO[who] else "nobody"
            values["record_id"], values["change_id"] = self.ids["own"][whose]
        for beginning, token in self.ids["tokens"].items():
            if line.rule.startswith(beginning):
                values["token"] = token
        return CONVERTERS.sub(lambda one: str(values.get(one[1], "1")), line.rule)

    def browser(self, who: str) -> Any:
        """Asks as somebody: a function of method and address that gives the answer."""
        client: Any = self.app.test_client()
        headers = {}
        if who in self.ids["keys"]:
            headers = {"Authorization": f"Bearer {self.ids['keys'][who]}"}
        elif WHO[who]:
            with client.session_transaction() as session:
                session["_user_id"], session["_fresh"] = self.ids["sessions"][WHO[who]], True

        def ask(method: str, url: str) -> Any:
            if method != "GET" and who not in self.ids["keys"]:
                headers["X-CSRFToken"] = client.csrf()
            more = {"json": {}} if url.startswith("/api/") and method != "GET" else {}
            return client.open(url, method=method, headers=headers, **more)

        return ask

    def column(self, who: str) -> Iterator[tuple[Line, str]]:
        """What comes of each line for somebody."""
        for line in self.lines():
            if "<trip_id>" in line.rule:  # only so many are kept
                answer = self.browser("A")("GET", "/auth/account")
                self.ids["all"]["trip_id"] = answer.headers["X-Trip-Id"]
            yield line, sign(self.browser(who)(line.method, self.url(line, who)))
            if line.method != "GET":
                self.put_back()


def sign(answer: Any) -> str:
    """What came, as one sign."""
    signs = {401: "s", 403: "-", 404: "."}
    if answer.status_code == 303 and answer.location.partition("?")[0] == "/auth/login":
        return "s"
    assert answer.status_code < 500, answer.text
    return signs.get(answer.status_code, "+")


def _fill() -> dict[str, Any]:
    """Everybody, two tools, records, roles, keys, a job: their numbers by what they are for."""
    names = dict.fromkeys(filter(None, WHO.values()))
    for name in [*names, "nobody"]:
        people.add(f"{name}@example.com", name.title(), admin=name == "alice", password=PASSWORD)
    who = {name: Actor.of(people.find(f"{name}@example.com")) for name in [*names, "nobody"]}
    fields = declared("title", "text"), declared("owner", "person"), declared("amount", "integer")
    case = _table("cases", "case", who["alice"], *fields)
    thing = _table("things", "thing", who["dora"], declared("name", "text"))
    own = {}
    for name, actor in who.items():
        values = {"title": name, "owner": actor.id, "amount": 1}
        made = records.create(who["alice"], case, values)
        own[name] = made.id, history.of_record(SYSTEM, case, made.id)[0].id
    _give(case, who)
    gone = _table("gone", "gone", who["alice"], declared("name", "text")).table.id
    with writing():
        catalog.withdraw(gone)
    item, loan = _lent() if ("equipment", "item") in catalog.tables() else (0, 0)
    job = _job(who["alice"])
    everything = {
        "tool": "cases", "table": "case", "kind": "csv", "slug": "start", "person_id": who["nora"].id,
        "role_id": 1, "job_id": job, "n": 0, "field_id": "title", "table_id": gone, "item_id": item,
        "loan_id": loan,
    }  # fmt: skip
    keys = {
        "k": tokens.create(who["ed"], "reads", "read")[1],
        "w": tokens.create(who["ed"], "writes", "write")[1],
        "t": tokens.create(who["ed"], "another", "write", [thing.table.id])[1],
        "K": tokens.create(who["alice"], "all", "admin")[1],
    }
    everything["token_id"] = tokens.of_person(who["alice"].id)[0].id
    return {
        "all": everything, "own": own, "keys": keys, "tokens": _links(who["nora"]),
        "sessions": {name: sessions.begin(actor.id, "", "", True) for name, actor in who.items()},
    }  # fmt: skip


def _table(tool: str, name: str, owner: Actor, *fields: Any) -> Any:
    with writing():
        catalog.create(Table(0, 0, tool, name, name.title(), fields, owner_id=owner.id))
    return catalog.tables()[tool, name]


def _give(live: Any, who: dict[str, Actor]) -> None:
    about = {"tool": "cases", "table": live.table.id}
    edits = EDITING | {"import"}
    for name, one in {
        "rita": Grant("", READING, **about),
        "ed": Grant("", edits, **about),
        "olga": Grant("", edits, "owner == me", **about),
        "hugo": Grant("", edits, hidden=frozenset({"amount"}), **about),
    }.items():
        role = roles.create(SYSTEM, name.title(), "", (), [one])
        set_roles(who[name].id, [role.id], SYSTEM)
    catalog.forget()


def _lent() -> tuple[int, int]:
    """An item of the example, and a loan of it."""
    item, loan = (catalog.tables()["equipment", name] for name in ("item", "loan"))
    made = records.create(SYSTEM, item, {"code": "I1", "name": "x"}).id
    return made, records.create(SYSTEM, loan, {"item_id": made, "borrower": "x"}).id


def _links(person: Actor) -> dict[str, str]:
    """Links that can be used, by the beginning of their address."""
    return {
        f"/auth/{purpose}/": people.new_link(purpose, 60, person.id)
        for purpose in ("reset", "invite")
    }


def _job(actor: Actor) -> int:
    with writing():
        return int(jobs.enqueue(actor, "nothing", "A job of Alice's", {}).id)


def table(workspace: Workspace) -> str:
    """The whole table as text."""
    columns = {who: dict(workspace.column(who)) for who in WHO}
    head = f"{'':<76} {' '.join(WHO)}"
    rows = [
        f"{line!s:<76} {' '.join(columns[who][line] for who in WHO)}" for line in workspace.lines()
    ]
    return "\n".join([head, *rows]) + "\n"


def expected() -> dict[str, dict[str, str]]:
    """What `matrix.txt` has: by line, then by who asks."""
    lines = EXPECTED.read_text(encoding="utf-8").splitlines()
    whose = lines[0].split()
    gone = tuple(place for place, name in OPTIONAL.items() if not (BLUEPRINTS / name).is_dir())
    return {
        one[: -2 * len(whose)].rstrip(): dict(zip(whose, one.split()[-len(whose) :], strict=True))
        for one in lines[1:]
        if not one.split()[1].startswith(gone)
    }


if __name__ == "__main__":
    sys.stdout.write(table(Workspace(Path(tempfile.mkdtemp()))))
