"""Days and moments, and how they are written: for a person, or in the workspace's time zone.

Days begin and end in the time zone of the workspace, for everybody: what is due today is a fact. A
moment on a page is told in the time zone of the person who looks, and dates and numbers are written
as that person has chosen; commands, exports and addresses know no person and stay as they are.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from flask import current_app, g, has_app_context

from app.extensions import utcnow


class Style(NamedTuple):
    """How dates and numbers are written: `day` as `str.format` takes it, the marks between thousands
    and before decimals."""

    day: str
    group: str
    mark: str

    @property
    def example(self) -> str:
        """A date and a number written so."""
        return f"{self.date(date(2026, 11, 22))} · 1{self.group}234{self.mark}56"

    def date(self, value: date) -> str:
        """A day written so."""
        return self.day.format(d=value.day, m=value.month, y=value.year, name=f"{value:%b}")

    def number(self, value: int | float) -> str:
        """A number written so."""
        return f"{value:,}".translate({ord(","): self.group, ord("."): self.mark})


STYLES = {
    "": Style("{d} {name} {y}", ",", "."),
    "dots": Style("{d:02}.{m:02}.{y:04}", ".", ","),
    "slashes": Style("{d:02}/{m:02}/{y:04}", "\u202f", ","),
    "american": Style("{m:02}/{d:02}/{y:04}", ",", "."),
    "iso": Style("{y:04}-{m:02}-{d:02}", "", "."),
}
"""By the word that a person's row has; the first is that of whoever has chosen none."""


# The workspace ---------------------------------------------------------------------------------


def zone() -> ZoneInfo:
    """The workspace's time zone, in which days begin and end."""
    return ZoneInfo(current_app.config["ROUNDTRIP_TIMEZONE"])


def local(value: datetime) -> datetime:
    """A moment in the workspace's time zone."""
    return value.astimezone(zone())


def today() -> date:
    """The day it is in the workspace's time zone."""
    return local(utcnow()).date()


# Whoever looks ---------------------------------------------------------------------------------


def chosen() -> tuple[str, str]:
    """The time zone and the style of the person whose request this is, as their row has them; blank where
    they have chosen none, and in commands and jobs. What is made for one may be kept by this."""
    actor = g.get("actor") if has_app_context() else None
    return (actor.timezone, actor.formats) if actor is not None else ("", "")


def style() -> Style:
    """How the person who looks wants dates and numbers to be written."""
    return STYLES.get(chosen()[1], STYLES[""])


def own_zone() -> ZoneInfo:
    """The time zone of the person who looks: the workspace's, unless they have chosen another."""
    return _known(chosen()[0]) or zone()


@cache
def zones() -> tuple[str, ...]:
    """The time zones that one can choose, by continent and city."""
    return tuple(sorted(one for one in available_timezones() if "/" in one or one == "UTC"))


@cache
def _known(name: str) -> ZoneInfo | None:
    """A time zone by its name; None where this machine does not know it, or not any more."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def day(value: date | datetime | None) -> str:
    """22 Nov 2026; empty for nothing."""
    if value is None:
        return ""
    value = value.astimezone(own_zone()) if isinstance(value, datetime) else value
    return style().date(value)


def moment(value: datetime | None) -> str:
    """22 Nov 2026, 11:42; empty for nothing."""
    return f"{day(value)}, {clock_time(value)}" if value else ""


def clock_time(value: datetime) -> str:
    """11:42, as the clock of the person who looks shows it."""
    return f"{value.astimezone(own_zone()):%H:%M}"
