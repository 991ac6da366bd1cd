"""Lists: what an address asks for, as SQL; pages of it by number and by key; all of it for an export.

An address says everything: `q=` (search), `<field>=` and `<field>__<lookup>=` (filters),
`sort=-field,field`, `fields=a,b`, `per_page=`, and `page=`, which is a number or a key.
A key says after or before which record a page lies, so that it costs the same however deep it is:
`page=after-<key>`, where the key has the number of the first row, the values sorted by, and the id.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from app import database, fields
from app.clock import today
from app.errors import BadAddress, Invalid, NotFound
from app.extensions import db
from app.fields import Field, lookups
from app.permissions import Actor, may, require
from app.questions import Question
from app.tables import history, seen
from app.tables.live import Live
from app.tables.seen import GONE

WORDS = {"q", "sort", "fields", "page", "per_page"}
PER_PAGE, MOST_PER_PAGE, MOST_WORDS = 50, 200, 10
MOST_SORTED, MOST_FILTERS, MOST_TOGETHER = 10, 50, 200
"""SQLite takes no condition that is nested deeper than a thousand, and a chain of `or` is."""
LONGEST_KEY = 2_000
"""Characters: an address has room for no more than that."""
BLOCK = 2_000
MOST_KEPT = 200
"""Statements, and what else there is in the memo of a table."""

Args = Mapping[str, Sequence[str]]


class Filter(NamedTuple):
    """One condition: `texts` as the address has them."""

    field: Field
    lookup: str
    texts: tuple[str, ...]

    @property
    def parameter(self) -> str:
        """Its name in an address."""
        return self.field.name if self.lookup == "exact" else f"{self.field.name}__{self.lookup}"


class Query(NamedTuple):
    """What an address asks for. `sort` has fields, and whether from the largest down; `usual` says that
    it is the table's, as the address has none."""

    fields: tuple[Field, ...]
    q: str = ""
    filters: tuple[Filter, ...] = ()
    sort: tuple[tuple[Field, bool], ...] = ()
    per_page: int = PER_PAGE
    page: str = "1"
    usual: bool = False


class Page(NamedTuple):
    """One page of a list. `rows` begin with the id and go on with the query's fields; `first` is the
    place of the first row in the whole list, from 1; `next` and `prev` are values for `page=`."""

    query: Query
    rows: Sequence[Sequence[Any]]
    first: int
    found: int
    total: int
    next: str = ""
    prev: str = ""

    @property
    def last(self) -> int:
        """The place of the last row."""
        return self.first + len(self.rows) - 1


# What an address asks for ----------------------------------------------------------------------


def read(live: Live, args: Args, usual: int = PER_PAGE, most: int = MOST_PER_PAGE) -> Query:
    """The query of an address, which takes so many rows a page. Raises BadAddress, naming what is unknown
    and what works."""
    try:
        return Query(
            fields=_fields(live, args),
            q=_words(args),
            filters=_filters(live, args),
            sort=_sort(live, _one(args, "sort") or ",".join(live.table.ordering)),
            per_page=_number(args, "per_page", usual, most),
            page=_one(args, "page") or "1",
            usual=not _one(args, "sort"),
        )
    except Invalid as error:
        raise BadAddress(str(error), error.errors) from None


def _one(args: Args, name: str) -> str:
    texts = args.get(name, ())
    if len(texts) > 1:
        raise Invalid(f"{name} is taken once here.", [(name, "takes one value")])
    if any("\0" in text for text in texts):
        raise Invalid(f"{name} cannot have the character NUL.", [(name, "has a character NUL")])
    return texts[0] if texts else ""


def _words(args: Args) -> str:
    text = _one(args, "q").strip()
    if any(len(word) > lookups.LONGEST for word in text.split()):
        words = f"takes words of up to {lookups.LONGEST} characters"
        raise Invalid(f"A search {words}.", [("q", words)])
    return text


def _number(args: Args, name: str, usual: int, most: int) -> int:
    text = _one(args, name) or str(usual)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise Invalid(f"{name} is a number from 1 to {most:,}.", [(name, f"1 to {most:,}")])
    return int(text)


def named_field(live: Live, name: str, word: str = "") -> Field:
    """A field by its name in an address, where it stands as `word` or behind that. Raises Invalid with
    those that there are."""
    found = live.table.by_name.get(name)
    if found is None:
        known = ", ".join(live.table.by_name)
        if gone := taken_out(live, name):
            raise Invalid(f"{gone}; there are {known}.", [(word or name[:60], gone)])
        words = f"{live.table.label} has no field “{name[:60]}”; it has {known}."
        raise Invalid(words, [(word or name[:60], f"unknown field “{name[:60]}”")])
    return found


def taken_out(live: Live, name: str) -> str:
    """Words on a field that the table had in the last thirty days; empty where there was none of this
    name, or where the actor does not see all that there is."""
    dropped = live.table.dropped if live is live.whole else ()
    at = next((one.at[:10] for one in dropped if one.field.name == name), "")
    return f"The field {name} was taken out of the table on {at}" if at else ""


def _fields(live: Live, args: Args) -> tuple[Field, ...]:
    names = [name for text in args.get("fields", ()) for name in text.split(",") if name]
    found = (named_field(live, name, "fields") for name in dict.fromkeys(names))
    return tuple(found) or live.table.shown


def _sort(live: Live, text: str) -> tuple[tuple[Field, bool], ...]:
    found: dict[Field, bool] = {}
    for name in filter(None, text.split(",")):
        found.setdefault(named_field(live, name.removeprefix("-"), "sort"), name.startswith("-"))
    if len(found) > MOST_SORTED:
        raise Invalid(f"A list is sorted by up to {MOST_SORTED} fields.", [("sort", "too many")])
    return tuple(found.items())


def _filters(live: Live, args: Args) -> tuple[Filter, ...]:
    names = [name for name in args if name not in WORDS]
    if len(names) > MOST_FILTERS:
        raise Invalid(f"A list takes up to {MOST_FILTERS} filters.", [(names[0][:60], "too many")])
    return tuple(_filter(live, name, args[name]) for name in names)


def _filter(live: Live, name: str, texts: Sequence[str]) -> Filter:
    bare, _, lookup = name.rpartition("__")
    if not bare or name in live.table.by_name:
        bare, lookup = name, "exact"
    found = Filter(named_field(live, bare), lookup, tuple(texts))
    fields.where(found.field, live.columns[found.field.name], lookup, found.texts)
    return found


# Pages -----------------------------------------------------------------------------------------


def page(actor: Actor, live: Live, query: Query) -> Page:
    """A page of the list. Raises Forbidden, BadAddress."""
    require(actor, "list", live.table)
    query = _sortable(actor, live, query)
    wanted = where(live, query)
    found, total = _counts(live, query)
    if query.page.startswith(("after-", "before-")):
        return _page_by_key(live, query, wanted, found, total)
    first = (_page_number(query.page) - 1) * query.per_page + 1
    rows = _numbered(live, query, wanted).ask(limit=query.per_page, offset=first - 1)
    return _page(live, query, rows, first, found, total)


def stretch(
    actor: Actor, live: Live, query: Query, stored: bool = False
) -> tuple[Sequence[Sequence[Any]], str]:
    """A page's rows, and the value for `page=` that gives the following ones, empty at the end; nothing
    is counted. Values are `stored`: as the driver gives them. Raises Forbidden, BadAddress."""
    require(actor, "list", live.table)
    query = _sortable(actor, live, query)
    one_more, wanted = query._replace(per_page=query.per_page + 1), where(live, query)
    if query.page.startswith("after-"):
        place, values, record_id = _read_key(live, query, query.page.partition("-")[2])
        beyond = _beyond(live, query, values, record_id, True)
        rows = _beyond_key(live, one_more, wanted, beyond, stored=stored)
    else:
        place = (_page_number(query.page) - 1) * query.per_page + 1
        found = _numbered(live, query, wanted, stored)
        rows = found.ask(limit=one_more.per_page, offset=place - 1)
    kept, following = rows[: query.per_page], ""
    if len(rows) > len(kept):
        following = _neighbour(live, "after", query, kept[-1], place + len(kept))
    shown = len(query.fields) + 1
    return [row[:shown] for row in kept] if query.sort else kept, following


def _beyond_key(
    live: Live, query: Query, wanted: Any, beyond: Any, forward: bool = True, stored: bool = False
) -> Any:
    """The rows that fit and lie beyond a key, as many as a page has."""
    both = beyond if wanted is None else sa.and_(wanted, beyond)
    if _is_short(live, query):
        both = _first_of_each(live, query, query.per_page, beyond, forward)
    asked = _select(live, query, both, forward, stored).limit(query.per_page)
    return _run(asked, stored and not query.sort)


def count(actor: Actor, live: Live, query: Query) -> int:
    """How many records fit. Raises Forbidden."""
    require(actor, "list", live.table)
    return _counts(live, query)[0]


MOST_GROUPS = 1_000
TOTALS = ("sum", "average", "min", "max")


class Group(NamedTuple):
    """Records that have the same values in the fields that a list was grouped by."""

    values: Sequence[Any]
    found: int
    totals: Mapping[tuple[str, str], Any]


def groups(
    actor: Actor, live: Live, query: Query, by: Sequence[Field], totals: Sequence[tuple[str, Field]]
) -> list[Group]:
    """The records that fit, by the values of some fields, with totals (of TOTALS) over others. At most
    MOST_GROUPS, the largest first. Raises Forbidden, BadAddress."""
    require(actor, "list", live.table)
    columns = [live.columns[one.name] for one in by]
    counted = sa.func.count(live.sql.c.id)
    found = [_total(live, function, one) for function, one in totals]
    wanted = where(live, query)
    asked = sa.select(*columns, counted, *found).select_from(live.sql).limit(MOST_GROUPS)
    asked = asked if wanted is None else asked.where(wanted)
    asked = asked.group_by(*columns).order_by(counted.desc(), *columns) if columns else asked
    names = [(function, one.name) for function, one in totals]
    return [
        Group(row[: len(by)], row[len(by)], dict(zip(names, row[len(by) + 1 :], strict=True)))
        for row in db.session.connection().execute(asked)
    ]


def _total(live: Live, function: str, field: Field) -> sa.ColumnElement[Any]:
    made = field.type.aggregates.get(function)
    if made is None:
        works = ", ".join(field.type.aggregates) or "count alone"
        words = f"{field.label} has no {function}; what works is {works}"
        raise BadAddress(f"{words}.", [(function, words)])
    return made(live.columns[field.name])


def one(
    actor: Actor, live: Live, record_id: int, fields: tuple[Field, ...], stored: bool = False
) -> Sequence[Any]:
    """A record's id and the values of these fields; `stored`: as the driver gives them. Raises NotFound,
    Forbidden."""
    mine = live.of_record(record_id)
    require(actor, "read", mine.table)
    whole, about = live.whole, ("one", fields, stored)
    if about not in whole.memo:  # of one record each field is seen, or is none of `fields`
        wanted = whole.columns["id"] == sa.bindparam("record", type_=sa.Integer)
        select = _select(whole, Query(fields=fields), wanted, stored=stored)
        whole.memo[about] = Question(select, plain=stored)
    known = mine.table.by_name
    if any(one.name not in known for one in fields):
        raise NotFound(GONE)
    rows = whole.memo[about].ask(record=record_id) if 0 < record_id < 2**31 else ()
    if not rows:
        raise NotFound(GONE)
    return rows[0]  # type: ignore[no-any-return]


def some(actor: Actor, live: Live, query: Query, limit: int) -> Sequence[Sequence[Any]]:
    """The first rows that fit, without counting the others. Raises Forbidden."""
    require(actor, "list", live.table)
    return _run(_select(live, query, where(live, query)).limit(limit))


def _sortable(actor: Actor, live: Live, query: Query) -> Query:
    """The query as far as the actor may sort so: an order by the titles of another table tells of them,
    so it takes the right to see them all. Raises BadAddress where the address asks for more."""
    kept = []
    for field, down in query.sort:
        if (target := live.target(field)) is not None:
            other = live.other(target)
            found = seen.of(actor, other)
            hidden = found.rows("list") or found.title != other.title or found.title_is_partly
            if hidden or not may(actor, "list", other.table):
                if query.usual:
                    continue
                words = f"{field.label} cannot be sorted by: there are records of it that you do not see"
                raise BadAddress(f"{words}.", [("sort", words)])
        kept.append((field, down))
    return query._replace(sort=tuple(kept))


def _page_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) < 10**9):
        raise BadAddress(
            "page is a number from 1, or what the address of the next or previous page has."
        )
    return int(text)


def _page(
    live: Live, query: Query, rows: Sequence[Any], first: int, found: int, total: int
) -> Page:
    """The page with these rows, with keys of its neighbours; the rows lose what was only sorted by."""
    shown = len(query.fields) + 1
    made = Page(query, [row[:shown] for row in rows], first, found, total)
    if rows and made.last < found:
        made = made._replace(next=_neighbour(live, "after", query, rows[-1], made.last + 1))
    if rows and first > 1:
        made = made._replace(prev=_neighbour(live, "before", query, rows[0], first))
    return made


def _neighbour(live: Live, way: str, query: Query, row: Sequence[Any], place: int) -> str:
    """The page after or before a row, where `place` is; by number where its texts make too long a key."""
    key = _key(live, query, row, place)
    if len(key) <= LONGEST_KEY:
        return f"{way}-{key}"
    return str((place - (1 if way == "after" else 2)) // query.per_page + 1)


def _page_by_key(live: Live, query: Query, wanted: Any, found: int, total: int) -> Page:
    forward = query.page.startswith("after-")
    place, values, record_id = _read_key(live, query, query.page.partition("-")[2])
    beyond = _beyond(live, query, values, record_id, forward)
    rows = _beyond_key(live, query, wanted, beyond, forward)
    if not forward:
        rows, place = rows[::-1], max(place - len(rows), 1)
    return _page(live, query, rows, place, found, total)


def _run(query: sa.Select[Any], plain: bool = False) -> Sequence[Any]:
    """The rows; `plain`: as the driver gives them, where all of them is only passed on."""
    found = db.session.connection().execute(query)
    return found.cursor.fetchall() if plain else found.all()


def _numbered(
    live: Live, query: Query, wanted: sa.ColumnElement[bool] | None, stored: bool = False
) -> Question:
    """The rows of a page by number; the question of a list without conditions is made once."""
    about, plain = ("select", query.fields, query.sort, stored), not (query.q or query.filters)
    if plain and about in live.memo:
        known: Question = live.memo[about]
        return known
    limit, offset = (
        sa.bindparam("limit", type_=sa.Integer),
        sa.bindparam("offset", type_=sa.BigInteger),
    )
    wanted = _first_of_each(live, query, limit + offset) if _is_short(live, query) else wanted
    rows = _select(live, query, wanted, stored=stored).limit(limit).offset(offset)
    kept = plain and len(live.memo) < MOST_KEPT
    found = Question(rows, plain=stored and not query.sort, once=not kept)
    if kept:
        live.memo[about] = found
    return found


def _is_short(live: Live, query: Query) -> bool:
    """Whether a page is begun by the first records of each of several rules."""
    rules = None if query.q or query.filters or query.sort else live.rules("list")
    return rules is not None and len(rules) > 1


def _first_of_each(
    live: Live, query: Query, limit: Any, beyond: Any = None, forward: bool = True
) -> sa.ColumnElement[bool]:
    """The first records that meet each rule, by its own index: all that meet one would have to be sorted."""
    id = live.sql.c.id
    first = [
        sa.select(id).where(rule, *(() if beyond is None else (beyond,)))
        .order_by(id.asc() if forward else id.desc()).limit(limit).subquery()
        for rule in live.rules("list") or ()
    ]  # fmt: skip
    found: sa.ColumnElement[bool] = id.in_(sa.union(*(sa.select(one.c.id) for one in first)))
    return found


def _select(
    live: Live, query: Query, wanted: sa.ColumnElement[bool] | None, forward: bool = True,
    stored: bool = False,
) -> sa.Select[Any]:  # fmt: skip
    """The rows: the id, the fields shown, then the fields sorted by."""
    columns = live.columns
    chosen: list[Any] = [columns["id"], *(columns[one.name] for one in query.fields)]
    if stored:
        chosen = [sa.type_coerce(one, sa.types.NullType()) for one in chosen]
    sorting = (one.type.sorting(one, live)[1] for one, _ in query.sort)
    chosen += [column.label(f"sort_{i}") for i, column in enumerate(sorting)]
    found = sa.select(*chosen).order_by(*_order(live, query, forward))
    return found if wanted is None else found.where(wanted)


def _order(live: Live, query: Query, forward: bool) -> list[sa.ColumnElement[Any]]:
    """Blanks last whichever way, equals by id; all of it turned round for a page before a key."""
    order: list[sa.ColumnElement[Any]] = []
    for field, descending in query.sort:
        by, column = field.type.sorting(field, live)
        blank, key = column.is_(None), by.type.order(column)
        order.append(blank if forward else blank.desc())
        order.append(key.desc() if descending == forward else key.asc())
    return [*order, live.columns["id"].asc() if forward else live.columns["id"].desc()]


def _beyond(
    live: Live, query: Query, values: Sequence[Any], record_id: int, forward: bool
) -> sa.ColumnElement[bool]:
    """What lies after (or before) the record with these values, in the list's order."""
    number = live.columns["id"]
    found: sa.ColumnElement[bool] = number > record_id if forward else number < record_id
    for (field, descending), value in reversed([*zip(query.sort, values, strict=True)]):
        by, column = field.type.sorting(field, live)
        if value is None:
            further = sa.false() if forward else column.isnot(None)
            found = sa.or_(further, sa.and_(column.is_(None), found))
            continue
        key = by.type.order(column)
        same = by.type.order(sa.literal(value, lookups.wide(column).type))
        further = key < same if descending == forward else key > same
        if forward:
            further = sa.or_(further, column.is_(None))
        found = sa.or_(further, sa.and_(key == same, found))
    return found


def _sorted_by(live: Live, query: Query) -> list[Field]:
    """The fields that the values of a key are of."""
    return [field.type.sorting(field, live)[0] for field, _ in query.sort]


def _key(live: Live, query: Query, row: Sequence[Any], place: int) -> str:
    values = row[len(query.fields) + 1 :]
    texts = [
        None if value is None else by.type.text(value, by)
        for by, value in zip(_sorted_by(live, query), values, strict=True)
    ]
    packed = json.dumps(
        [place, _mark(live, query), row[0], *texts], ensure_ascii=False, separators=(",", ":")
    )
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def _mark(live: Live, query: Query) -> int:
    """What tells a key of this table in this order from others."""
    order = [(field.id, down) for field, down in query.sort]
    return zlib.crc32(repr((live.table.id, order)).encode())


def _read_key(live: Live, query: Query, text: str) -> tuple[int, list[Any], int]:
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        place, mark, record_id, *texts = json.loads(packed)
        values = [
            one if one is None else by.type.parse(one, by)
            for by, one in zip(_sorted_by(live, query), texts, strict=True)
        ]
        numbers = type(place) is type(record_id) is int and mark == _mark(live, query)
        if numbers and 0 < place < 2**31 and 0 <= record_id < 2**31:
            return place, values, record_id
    except (ValueError, TypeError, AttributeError, RecursionError, Invalid):
        pass
    words = "is not one of this list in this order; begin with page=1"
    raise BadAddress(f"The key of this page {words}.", [("page", words)])


# Conditions ------------------------------------------------------------------------------------


def where(live: Live, query: Query, action: str = "list") -> sa.ColumnElement[bool] | None:
    """The condition of search, filters and rights; None where there is none of these."""
    found = [*live.rows(action)]
    found += [
        fields.where(one.field, live.columns[one.field.name], one.lookup, one.texts)
        for one in query.filters
    ]
    columns = [live.columns[one.name] for one in live.table.searched]
    for word in query.q.split()[:MOST_WORDS]:
        found.append(_any([lookups.contains(one, word) for one in columns]))
    return sa.and_(*found) if found else None


def _any(conditions: Sequence[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    """One of the conditions, of which a table with very many fields has very many."""
    if len(conditions) > MOST_TOGETHER:
        starts = range(0, len(conditions), MOST_TOGETHER)
        parts = [_any(conditions[start : start + MOST_TOGETHER]) for start in starts]
        conditions = [sa.case((one, sa.true()), else_=sa.false()) for one in parts]
    return sa.or_(sa.false(), *conditions)


def _counts(live: Live, query: Query) -> tuple[int, int]:
    """How many records fit, and how many there are for who asks."""
    known, all_of_them = _known_counts(live), Query(())
    asked = (query.q, query.filters) if query.q or query.filters else None
    for name, one in ((None, all_of_them), (asked, query)):
        if name not in known or live.reads_others and (one.q or one.filters or live.rows("list")):
            condition = where(live, one)
            counted = sa.select(sa.func.count()).select_from(live.sql)
            counted = counted if condition is None else counted.where(condition)
            known[name] = db.session.connection().scalar(counted)
    return known[asked], known[None]


def _known_counts(live: Live) -> dict[Any, Any]:
    """Counts are kept for as long as nobody writes into the table, on the same day; not what a condition
    on other tables may decide, nor of a model, whose blueprint may write round history."""
    settled = None if live.written or database.is_writing() else history.settled(live)
    if settled is None:
        return {}
    as_of = settled, today()  # a rule may compare a field that is worked out of the day
    known: dict[Any, Any] = live.memo.get("counts", {})
    if known.get("as of") != as_of or len(known) > MOST_KEPT:
        known = live.memo["counts"] = {"as of": as_of}
    return known


# Everything ------------------------------------------------------------------------------------


def every(actor: Actor, live: Live, query: Query) -> Iterator[Sequence[Any]]:
    """All rows that fit, in the list's order. Raises Forbidden at once."""
    return (row for rows in blocks(actor, live, query) for row in rows)


def blocks(
    actor: Actor, live: Live, query: Query, stored: bool = False
) -> Iterator[Sequence[Sequence[Any]]]:
    """The same in blocks by key: constant memory, and no transaction that stays open while a slow client
    reads. Values are `stored`: as the driver gives them, for who turns each into something else."""
    require(actor, "export", live.table)
    query = _sortable(actor, live, query)
    return _blocks(live, query._replace(per_page=BLOCK), where(live, query, "export"), stored)


def _blocks(
    live: Live, query: Query, wanted: Any, stored: bool
) -> Iterator[Sequence[Sequence[Any]]]:
    shown, both = len(query.fields) + 1, wanted
    while True:
        asked = _select(live, query, both, stored=stored).limit(query.per_page)
        found = db.session.connection().execute(asked)
        # what is only passed on needs no objects of SQLAlchemy round it
        rows: Any = found.cursor.fetchall() if stored and not query.sort else found.all()
        db.session.rollback()
        yield [row[:shown] for row in rows] if query.sort else rows
        if len(rows) < query.per_page:
            return
        beyond = _beyond(live, query, rows[-1][shown:], rows[-1][0], True)
        both = beyond if wanted is None else sa.and_(wanted, beyond)
