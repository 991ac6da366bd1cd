"""What one request does to several records, all or none; and replies that are given again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app import jobs
from app.database import writing
from app.errors import AppError, Conflict, Forbidden, Invalid, NotFound
from app.extensions import db, utcnow
from app.fields import Field
from app.fields.base import PEOPLE
from app.models import Reply
from app.permissions import Actor
from app.sessions import digest
from app.tables import catalog, listing, records, seen
from app.tables.live import Live
from blueprints.api import bodies, documents

KEPT = timedelta(hours=24)
LONGEST_KEY = 255


class Answer(NamedTuple):
    """A status, headers, and a body that JSON can have; None for none."""

    status: int
    headers: dict[str, str]
    body: Any


class Refused(Invalid):
    """Items that were refused, so nothing is done. `found` are (part, index, error)."""

    def __init__(self, found: Sequence[tuple[str, int, AppError]]) -> None:
        words = f"{len(found):,} of the items cannot be done, so nothing was done"
        super().__init__(f"{words}.")
        self.items = [
            {"part": part, "index": index, "status": error.status, "detail": str(error), **_fields(error)}
            for part, index, error in found
        ]  # fmt: skip


def _fields(error: AppError) -> dict[str, Any]:
    found = getattr(error, "errors", [])
    return {"errors": [{"field": name, "message": words} for name, words in found]} if found else {}


# Replies ---------------------------------------------------------------------------------------


def once(
    actor: Actor, key: str, asked: bytes, act: Callable[[], Answer], again: Callable[[Any], Any]
) -> Answer:
    """Do something in one transaction, and only once for a key: the second time gives the first answer,
    with its body as `again` makes it of what it was.

    Raises Invalid where the key was used for something else, Conflict where it is being used just now.
    """
    if len(key) > LONGEST_KEY:
        raise Invalid(f"An Idempotency-Key has up to {LONGEST_KEY} characters.")
    with records.together(actor):
        _wait_for_the_same(actor, key)
        known = _known(actor, key) if key else None
        if known is not None:
            return _again(known, asked, again)
        answer = act()
        if key:
            _keep(actor, key, asked, answer)
    return answer


def _wait_for_the_same(actor: Actor, key: str) -> None:
    """Let a request with the same key come to its end first. SQLite has one writer at a time anyway."""
    if key and db.engine.dialect.name == "postgresql":
        number = int(digest(f"{actor.id} {key}")[:15], 16)
        db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def _known(actor: Actor, key: str) -> Reply | None:
    mine = Reply.person_id == actor.id, Reply.key_hash == digest(key)
    found = db.session.scalar(sa.select(Reply).where(*mine))
    if found is not None and utcnow() - found.created_at > KEPT:
        db.session.delete(found)
        db.session.flush()
        return None
    return found


def _again(known: Reply, asked: bytes, again: Callable[[Any], Any]) -> Answer:
    if known.asked_hash != digest(asked.decode("latin-1")):
        raise Invalid(
            "This Idempotency-Key was used for another request. Take a new key for a new one."
        )
    headers = {**known.headers, "Idempotent-Replayed": "true"}
    return Answer(known.status, headers, again(known.body))


def still_seen(actor: Actor, live: Live, body: Any) -> Any:
    """What was answered, without what has been hidden from the actor since; of a record that they do not
    see any more the number alone."""
    if isinstance(body, list):
        return [still_seen(actor, live, one) for one in body]
    if not isinstance(body, dict):
        return body
    if not body.keys() >= {"id", "version"}:
        return {name: still_seen(actor, live, one) for name, one in body.items()}
    try:
        seen_now = {"id", *(one.name for one in documents.fields_of(live.of_record(body["id"])))}
    except NotFound:
        return {"id": body["id"]}
    return {name: one for name, one in body.items() if name in seen_now}


def _keep(actor: Actor, key: str, asked: bytes, answer: Answer) -> None:
    db.session.add(
        Reply(
            person_id=actor.id, key_hash=digest(key), asked_hash=digest(asked.decode("latin-1")),
            status=answer.status, headers=answer.headers, body=answer.body,
        )
    )  # fmt: skip
    try:
        db.session.flush()
    except IntegrityError:
        raise Conflict(
            "The same Idempotency-Key is being used at this moment. Try again."
        ) from None


def tidy() -> None:
    """Forget the replies that are not given again any more."""
    with writing() as session:
        session.execute(sa.delete(Reply).where(Reply.created_at < utcnow() - KEPT))


jobs.SWEEPS.append(tidy)


# One record: inside `once` -----------------------------------------------------------------------


def create(actor: Actor, live: Live, body: Any) -> dict[str, Any]:
    """A record from a body, in which a link may be an object: that is created first. Raises AppError."""
    given = _with_nested(actor, live, bodies.an_object(body))
    made = records.create(actor, live, bodies.values(live, given))
    return shown(actor, live, made)


def _with_nested(actor: Actor, live: Live, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with numbers in place of the records in it, which are created."""
    found = dict(body)
    for field, target in live.links.items():
        given = body.get(field.name)
        several = given if isinstance(given, list) else [given]
        if target != PEOPLE and any(isinstance(one, dict) for one in several):
            made = [_nested(actor, live, field, one) for one in several]
            found[field.name] = made if isinstance(given, list) else made[0]
    return found


def _nested(actor: Actor, live: Live, field: Field, given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    other = live.other(live.target(field) or 0).table
    with _at(field.name):
        try:
            there = catalog.get(actor, other.tool, other.name, "create")
        except (NotFound, Forbidden):
            words = f"{field.name} takes the number of a record here; you may not create one there"
            raise Invalid(errors=[("", words)]) from None
        return create(actor, there, given)["id"]


@contextmanager
def _at(name: str) -> Iterator[None]:
    """What is wrong inside an object is said of its field in it, as `customer.name`."""
    try:
        yield
    except Invalid as error:
        errors = [(f"{name}.{inner}" if inner else name, words) for inner, words in error.errors]
        raise Invalid(error.detail, errors or [(name, str(error))]) from None


def update(
    actor: Actor, live: Live, record: Any, body: Any, version: int | None, whole: bool
) -> dict[str, Any]:
    """Change a record; `whole`: what is left out becomes blank. Raises AppError, Stale."""
    catalog.hold(live.table.id)  # before it is read again: who changes the table waits for readers
    given = {name: one for name, one in bodies.an_object(body).items() if name != "version"}
    given = _with_nested(actor, live, given)
    values = bodies.values(live, given, record, whole)
    return shown(actor, live, records.update(actor, live, record.id, values, version))


def shown(actor: Actor, live: Live, record: Any) -> dict[str, Any]:
    """A record as JSON, as whoever has written it sees it by now: read again where the database may have
    made something of it."""
    live = catalog.get(actor, live.table.tool, live.table.name)
    whole = live.whole
    if whole.written or any(one.name not in whole.sql.c for one in whole.table.fields):
        db.session.flush()
        db.session.refresh(record)
    return documents.record(live.of_record(record.id), record)


# Many records: inside `once` ---------------------------------------------------------------------


def batch(actor: Actor, live: Live, body: Any) -> dict[str, Any]:
    """Create, update and delete together. Raises Refused with what is wrong with each item."""
    parts = bodies.an_object(body, "A batch")
    if unknown := parts.keys() - {"create", "update", "delete"}:
        words = f"A batch has the parts create, update and delete; “{min(unknown)[:60]}” is none"
        raise Invalid(f"{words}.", [(min(unknown)[:60], "unknown part")])
    lists = {
        name: bodies.items(parts.get(name, []), name) for name in ("create", "update", "delete")
    }
    if sum(map(len, lists.values())) > bodies.MOST_ITEMS:
        raise Invalid(f"A batch has up to {bodies.MOST_ITEMS:,} items in all.")
    records.hold(live, [*filter(None, map(_number, (*lists["update"], *lists["delete"])))])
    new = seen.of(actor, live, "create")  # other fields may be written of a new record
    refused: list[tuple[str, int, AppError]] = []
    done = {
        "created": _each(refused, "create", lists["create"], lambda one: create(actor, new, one)),
        "updated": _each(
            refused, "update", lists["update"], lambda one: _update_one(actor, live, one)
        ),
        "deleted": _each(
            refused, "delete", lists["delete"], lambda one: _delete_one(actor, live, one)
        ),
    }
    if refused:
        raise Refused(refused)
    return done


def _number(item: Any) -> int:
    """The number of the record that an item is about; 0 where it names none."""
    number = item.get("id") if isinstance(item, dict) else None
    return number if type(number) is int and 0 < number < 2**31 else 0


def _each(
    refused: list[tuple[str, int, AppError]],
    part: str,
    items: Sequence[Any],
    act: Callable[[Any], Any],
) -> list[Any]:
    """What comes of each item; those that cannot be done are noted in `refused`."""
    done = []
    for index, one in enumerate(items):
        try:
            with records.part():
                done.append(act(one))
        except AppError as error:
            refused.append((part, index, error))
    return done


def _update_one(actor: Actor, live: Live, body: Any) -> dict[str, Any]:
    given = dict(bodies.an_object(body))
    record_id = bodies.whole(given.pop("id", None), "id")
    version = bodies.whole(given.get("version"), "version")
    mine = live.of_record(record_id)
    return update(actor, mine, records.get(actor, mine, record_id), given, version, False)


def _delete_one(actor: Actor, live: Live, body: Any) -> int:
    given = bodies.an_object(body)
    record_id = bodies.whole(given.get("id"), "id")
    records.delete(actor, live, record_id, bodies.whole(given.get("version"), "version"))
    return record_id


def upsert(actor: Actor, live: Live, key: Field, body: Any) -> dict[str, Any]:
    """For each item change the record that has its value in the key, or create one. Raises Refused."""
    catalog.hold(live.table.id)  # before any is looked for: who changes the table waits for readers
    counts, new = {"created": 0, "updated": 0, "same": 0}, seen.of(actor, live, "create")

    def one_of(item: Any) -> dict[str, Any]:
        given = bodies.an_object(item)
        value = bodies.value(key, given.get(key.name))
        if value is None:
            raise Invalid(errors=[(key.name, f"{key.name} is the key, so it must have a value")])
        found = _by_key(actor, live, key, value)
        if found is None:
            counts["created"] += 1
            return create(actor, new, given)
        before, mine = found.version, live.of_record(found.id)
        seen_then = bodies.whole(given["version"], "version") if "version" in given else None
        made = update(actor, mine, found, given, seen_then, False)
        counts["same" if made["version"] == before else "updated"] += 1
        return made

    refused: list[tuple[str, int, AppError]] = []
    done = _each(refused, "items", bodies.items(body, "items"), one_of)
    if refused:
        raise Refused(refused)
    return {**counts, "items": done}


def _by_key(actor: Actor, live: Live, key: Field, value: Any) -> Any:
    text = key.type.text(value, key)
    query = listing.read(live, {f"{key.name}__exact": [text], "fields": ["id"]})
    rows = listing.some(actor, live, query, 2)
    if len(rows) > 1:
        raise Invalid(errors=[(key.name, f"several records have {text}, so it names none of them")])
    return records.get(actor, live, rows[0][0]) if rows else None
