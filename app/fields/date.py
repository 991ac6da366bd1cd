"""Dates, times of day, and moments. Moments are kept in UTC and written in the workspace's time zone.

A notation is written with YYYY YY MM M DD D Mon, hh h mm ss fff and AM; everything else means itself.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import has_app_context
from markupsafe import Markup
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app import clock
from app.extensions import UTCDateTime, utcnow
from app.fields import lookups
from app.fields.base import CANONICAL, FORM, Field, FieldType
from app.fields.inputs import TextBox
from app.fields.lookups import Condition, Lookup

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
PARTS = {
    "YYYY": "(?P<YYYY>[0-9]{4})", "YY": "(?P<YY>[0-9]{2})", "Mon": f"(?P<Mon>{'|'.join(MONTHS)})",
    "MM": "(?P<MM>[0-9]{2})", "M": "(?P<M>[0-9]{1,2})", "DD": "(?P<DD>[0-9]{2})",
    "D": "(?P<D>[0-9]{1,2})", "hh": "(?P<hh>[0-9]{2})", "h": "(?P<h>[0-9]{1,2})",
    "mm": "(?P<mm>[0-9]{2})", "ss": "(?P<ss>[0-9]{2})", "fff": "(?P<fff>[0-9]{3})",
    "AM": "(?P<AM>AM|PM|am|pm)",
}  # fmt: skip
TOKEN = re.compile("YYYY|YY|Mon|AM|MM|M|DD|D|hh|h|mm|ss|fff")

DAYS = (
    "DD.MM.YYYY", "D.M.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "D/M/YYYY", "M/D/YYYY", "DD-MM-YYYY",
    "MM-DD-YYYY", "YYYY/MM/DD", "YYYY.MM.DD", "DD.MM.YY", "D.M.YY", "DD/MM/YY", "MM/DD/YY", "D/M/YY",
    "M/D/YY", "DD Mon YYYY", "D Mon YYYY", "DD-Mon-YYYY", "DD-Mon-YY", "Mon D, YYYY", "Mon DD, YYYY",
)  # fmt: skip
CENTURY = "; two digits are a year from 1969 to 2068"
SHEET = "sheet"
"""Any notation of the type, as in FORM, but told by the clocks of the workspace."""
HOURS = ("hh:mm", "hh:mm:ss", "hh:mm:ss.fff", "h:mm", "h:mm AM", "h:mm:ss AM", "hh:mm AM")
MIDNIGHTS = ("YYYY-MM-DD 00:00:00", "YYYY-MM-DD 00:00:00.000", "YYYY-MM-DDT00:00:00")


@lru_cache(512)
def _pattern(notation: str) -> re.Pattern[str]:
    parts = re.split(f"({TOKEN.pattern})", notation)
    return re.compile("".join(PARTS.get(part) or re.escape(part) for part in parts))


def read(text: str, notation: str) -> datetime | None:
    """The date and time, without a time zone, that a text in this notation means; None if it means none."""
    found = _pattern(notation).fullmatch(text)
    if found is None:
        return None
    part = found.groupdict()
    try:
        return datetime(_year_in(part), _month_in(part), int(part.get("DD") or part.get("D") or 1),
            _hour_in(part), int(part.get("mm") or 0), int(part.get("ss") or 0),
            int(part.get("fff") or 0) * 1000)  # fmt: skip
    except ValueError:
        return None


def _year_in(part: dict[str, str]) -> int:
    """Two digits are a year from 1969 to 2068, as everywhere."""
    if "YY" not in part:
        return int(part.get("YYYY") or 1970)
    return int(part["YY"]) + (1900 if int(part["YY"]) > 68 else 2000)


def _month_in(part: dict[str, str]) -> int:
    return (
        MONTHS.index(part["Mon"]) + 1
        if "Mon" in part
        else int(part.get("MM") or part.get("M") or 1)
    )


def _hour_in(part: dict[str, str]) -> int:
    hour = int(part.get("hh") or part.get("h") or 0)
    if "AM" not in part:
        return hour
    return hour % 12 + 12 * (part["AM"].upper() == "PM") if 1 <= hour <= 12 else 99


def write(value: datetime, notation: str) -> str:
    """The text of a date and time in this notation."""
    hour = value.hour % 12 or 12 if "AM" in notation else value.hour
    part = {
        "YYYY": f"{value.year:04}", "YY": f"{value.year % 100:02}", "Mon": MONTHS[value.month - 1],
        "MM": f"{value.month:02}", "M": str(value.month), "DD": f"{value.day:02}", "D": str(value.day),
        "hh": f"{hour:02}", "h": str(hour), "mm": f"{value.minute:02}", "ss": f"{value.second:02}",
        "fff": f"{value.microsecond // 1000:03}", "AM": "AM" if value.hour < 12 else "PM",
    }  # fmt: skip
    return TOKEN.sub(lambda found: part[found[0]], notation)


# Time zone -------------------------------------------------------------------------------------


def zone() -> tzinfo:
    """The workspace's time zone."""
    return clock.zone() if has_app_context() else UTC


def own_zone() -> tzinfo:
    """The time zone of the person who looks."""
    return clock.own_zone() if has_app_context() else UTC


def to_utc(local: datetime, where: tzinfo | None = None) -> datetime:
    """A moment in a time zone, usually the workspace's, in UTC; the ends of time stay where they are."""
    try:
        return local.replace(tzinfo=where or zone()).astimezone(UTC)
    except OverflowError:
        return local.replace(tzinfo=UTC)


@sa.event.listens_for(sa.Engine, "connect")
def _bring_time_zones(connection: Any, _record: Any) -> None:
    """SQLite knows no time zones; this function is called as PostgreSQL's own."""
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("timezone", 2, _local_text, deterministic=True)


def _local_text(name: str, moment: str | None) -> str | None:
    utc = datetime.fromisoformat(moment).replace(tzinfo=UTC) if moment else None
    return str(utc.astimezone(ZoneInfo(name)).replace(tzinfo=None)) if utc else None


def _local(column: Any) -> sa.ColumnElement[datetime]:
    return sa.func.timezone(str(zone()), column, type_=sa.DateTime())


# Lookups ---------------------------------------------------------------------------------------


class iso_week(FunctionElement[int]):
    """The number of the week, 1 to 53, as ISO 8601 counts: the first has the year's first Thursday."""

    inherit_cache = True
    type = sa.Integer()


@compiles(iso_week)
def _iso_week(element: Any, compiler: Any, **options: Any) -> str:
    return f"EXTRACT(week FROM {compiler.process(element.clauses, **options)})"


@compiles(iso_week, "sqlite")
def _iso_week_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    thursday = f"date({compiler.process(element.clauses, **options)}, '-3 days', 'weekday 4')"
    return f"((strftime('%j', {thursday}) - 1) / 7 + 1)"


def _year(column: Any, year: int) -> Condition:
    return sa.between(column, date(year, 1, 1), date(year, 12, 31))


def _moment_year(column: Any, year: int) -> Condition:
    first, last = datetime(year, 1, 1), datetime(year, 12, 31, 23, 59, 59, 999999)
    return sa.between(column, to_utc(first), to_utc(last))


def _today(column: Any, wanted: bool) -> Condition:
    today = utcnow().astimezone(zone()).date()
    return lookups.exact(column, today) if wanted else lookups.is_not(column, today)


def _moment_today(column: Any, wanted: bool) -> Condition:
    first = datetime.combine(utcnow().astimezone(zone()).date(), time())
    within = sa.and_(column >= to_utc(first), column < to_utc(first + timedelta(days=1)))
    return within if wanted else sa.or_(sa.not_(within), column.is_(None))


ORDER: Mapping[str, Lookup] = {
    **lookups.EVERY,
    "gt": lookups.RANGE["gt"]._replace(words="is after"),
    "gte": lookups.RANGE["gte"]._replace(words="is not before"),
    "lt": lookups.RANGE["lt"]._replace(words="is before"),
    "lte": lookups.RANGE["lte"]._replace(words="is not after"),
}
DATE: Mapping[str, Lookup] = {
    **ORDER,
    "year": Lookup("is in the year", _year, lookups.whole(1, 9999)),
    "month": Lookup(
        "is in month",
        lambda column, month: sa.extract("month", column) == month,
        lookups.whole(1, 12),
    ),
    "week": Lookup(
        "is in week", lambda column, week: iso_week(column) == week, lookups.whole(1, 53)
    ),
    "today": Lookup("is today", _today, lookups.flag),
}
MOMENT: Mapping[str, Lookup] = {
    **DATE,
    "year": DATE["year"]._replace(build=_moment_year),
    "month": DATE["month"]._replace(build=lambda c, month: sa.extract("month", _local(c)) == month),
    "week": DATE["week"]._replace(build=lambda c, week: iso_week(_local(c)) == week),
    "today": DATE["today"]._replace(build=_moment_today),
}
FIRST_AND_LAST: Mapping[str, Any] = {"min": sa.func.min, "max": sa.func.max}


# Types -----------------------------------------------------------------------------------------


class Dated(FieldType):
    """What has a day."""

    aggregates = FIRST_AND_LAST

    def reason(self, options: dict[str, Any], notation: str) -> str:
        short = "YY" in notation and "YYYY" not in notation
        return super().reason(options, notation) + (CENTURY if short else "")


class Date(Dated):
    """A day, without a time zone."""

    name, noun, example, python = "date", "a date", "2026-12-24", date
    accepts = (
        "A date as 2026-12-24. A form also takes 24.12.2026, 12/24/2026, 24 Dec 2026 and the like, "
        "but asks where 03/04/2026 can mean two days. Two digits are a year from 1969 to 2068."
    )
    notations = (*DAYS, *MIDNIGHTS)
    lookups, family = DATE, "date"
    stored, json_type = sa.Date, {"type": "string", "format": "date"}

    def read(self, text: str, field: Field, notation: str) -> date | None:
        if notation:
            found = read(text, notation)
            return found.date() if found else None
        try:  # the usual case of an import; Python would take other forms of ISO 8601 too
            return date.fromisoformat(text) if ISO_DAY.fullmatch(text) else None
        except ValueError:
            return None

    def write(self, value: date, field: Field, notation: str) -> str:
        if notation in (CANONICAL, FORM):
            return value.isoformat()
        return write(datetime.combine(value, time()), notation)

    def convert(self, value: Any, source: Field, field: Field) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(zone()).date()
        return super().convert(value, source, field)

    def widget(self, field: Field) -> Any:
        return TextBox("", "date", "([0-9]{4}-[0-9]{2}-[0-9]{2})?")

    def show(self, value: date, field: Field) -> Markup:
        return _time(value.isoformat(), clock.day(value))


class DateTime(Dated):
    """A moment. A time that the clocks show twice is the first of the two, unless it says.

    Forms and pages tell it in the time zone of the person who looks, sheets and lookups in the workspace's.
    """

    name, noun, python = "date-time", "a date and time", datetime
    example = "2026-12-24T18:30:00Z"
    accepts = (
        "A date and time as 2026-12-24T18:30:00Z, kept in UTC. A form takes it in your own time zone, a "
        "sheet in the workspace's, as 2026-12-24 18:30 or with any date that a date field takes."
    )
    notations = tuple(
        f"{day}{blank}{hour}"
        for day in ("YYYY-MM-DD", *DAYS)
        for blank in (" T" if day == "YYYY-MM-DD" else " ")
        for hour in HOURS
    )
    lookups, family = MOMENT, "date-time"
    stored, json_type = UTCDateTime, {"type": "string", "format": "date-time"}

    def readings(self, text: str, field: Field, notation: str) -> list[Any]:
        if notation not in (FORM, SHEET):
            return super().readings(text, field, notation)
        if (moment := _iso_moment(text)) is not None:
            return [moment]
        where = own_zone() if notation == FORM else zone()
        found = (_moment(text, one, where) for one in self.notations)
        return list(dict.fromkeys(one for one in found if one is not None))

    def read(self, text: str, field: Field, notation: str) -> datetime | None:
        return _moment(text, notation, zone()) if notation else _iso_moment(text)

    def accept(self, value: datetime, field: Field) -> datetime:
        if not datetime(1, 1, 2, tzinfo=UTC) <= value < datetime(9999, 12, 31, tzinfo=UTC):
            raise field.refusal("must be from 0001-01-02 to 9999-12-30")
        return value

    def write(self, value: datetime, field: Field, notation: str) -> str:
        if notation == CANONICAL or notation == FORM and not _plain(value, own_zone()):
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if notation == FORM:
            local = _naive(value, own_zone())
            return local.isoformat(timespec="seconds" if local.second else "minutes")
        return write(_naive(value, zone()), notation)

    def writer(self, field: Field) -> Callable[[Any], str]:
        return lambda value: value.isoformat().replace("+00:00", "Z")  # they are in UTC already

    def from_stored(self, field: Field) -> Callable[[Any], str] | None:
        return lambda text: text.replace(" ", "T").removesuffix(".000000") + "Z"

    def convert(self, value: Any, source: Field, field: Field) -> Any:
        if isinstance(value, date) and not isinstance(value, datetime):
            return self.accept(to_utc(datetime.combine(value, time())), field)
        return self.parse(source.type.text(value, source), field, SHEET)

    def widget(self, field: Field) -> Any:
        return TextBox("", "datetime-local", "([0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){1,2})?")

    def show(self, value: datetime, field: Field) -> Markup:
        local = _naive(value, own_zone())
        iso, words = self.text(value, field), f"{clock.day(local.date())}, {local:%H:%M}"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, iso, words)


class Time(FieldType):
    """A time of day."""

    name, noun, example, python = "time", "a time", "18:30:00", time
    accepts = "A time of day as 18:30 or 18:30:00. A form also takes 6:30 PM."
    notations = HOURS
    lookups, aggregates, family, stored = ORDER, FIRST_AND_LAST, "time", sa.Time
    json_type = {
        "type": "string",  # JSON Schema's own format of times has a time zone
        "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$",
    }

    def read(self, text: str, field: Field, notation: str) -> time | None:
        found = read(text, notation) if notation else _iso_moment(f"1970-01-01T{text}Z")
        return found.time() if found else None

    def write(self, value: time, field: Field, notation: str) -> str:
        if notation not in (CANONICAL, FORM):
            return write(datetime.combine(date(1970, 1, 1), value), notation)
        short = notation == FORM and not (value.second or value.microsecond)
        return value.isoformat("minutes" if short else "auto")

    def widget(self, field: Field) -> Any:
        return TextBox("", "time", "([0-9]{2}(:[0-9]{2}){1,2})?")

    def show(self, value: time, field: Field) -> Markup:
        return _time(value.isoformat(), self.text(value, field, FORM))


ISO_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
ISO_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _iso_moment(text: str) -> datetime | None:
    """A moment in UTC, None where the text is none or lies beyond what there is."""
    if not ISO_MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _moment(text: str, notation: str, where: tzinfo) -> datetime | None:
    """The moment that a text in this notation means there; None where the clocks never show it."""
    local = read(text, notation)
    moment = to_utc(local, where) if local else None
    return moment if moment and _naive(moment, where) == local else None


def _naive(moment: datetime, where: tzinfo) -> datetime:
    """What the clocks show there."""
    try:
        return moment.astimezone(where).replace(tzinfo=None, fold=0)
    except OverflowError:
        return moment.replace(tzinfo=None)


def _plain(moment: datetime, where: tzinfo) -> bool:
    """Whether what the clocks show there, to the second, means this moment and no other."""
    return not moment.microsecond and to_utc(_naive(moment, where), where) == moment


def _time(iso: str, words: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(iso, words)
