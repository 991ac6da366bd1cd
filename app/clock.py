"""Days and moments in the workspace's time zone, and how they are written."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import current_app

from app.extensions import utcnow


def zone() -> ZoneInfo:
    """The workspace's time zone, in which days begin and end."""
    return ZoneInfo(current_app.config["ROUNDTRIP_TIMEZONE"])


def local(value: datetime) -> datetime:
    """A moment in the workspace's time zone."""
    return value.astimezone(zone())


def today() -> date:
    """The day it is in the workspace's time zone."""
    return local(utcnow()).date()


def day(value: date | datetime | None) -> str:
    """22 Nov 2026; empty for nothing."""
    if value is None:
        return ""
    value = local(value) if isinstance(value, datetime) else value
    return f"{value.day} {value:%b %Y}"


def moment(value: datetime | None) -> str:
    """22 Nov 2026, 11:42; empty for nothing."""
    return f"{day(value)}, {local(value):%H:%M}" if value else ""
