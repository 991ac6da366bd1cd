"""How the number of a workbook's cell is shown: what its format means, without what it only decorates.

Numbers keep all their decimals, whatever the format rounds away; a percent sign, a currency and
zeros in front are part of the value. Days and times are ISO 8601.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from app.fields.number import CODES, SYMBOLS

Show = Callable[[str], str]
LAST = {False: 2_958_466, True: 2_957_004}
"""The first serial number after 9999-12-31, for days counted from 1900 and from 1904."""
UNITS = sorted([*SYMBOLS, *CODES], key=len, reverse=True)
LITERAL = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]|\[[^\]]*\]|[_*].')


def shown_by(code: str, from_1904: bool) -> Show:
    """What writes a raw number as this format code means it; the code's first section counts."""
    from openpyxl.styles.numbers import (
        is_date_format,
        is_timedelta_format,
    )

    section = code.split(";")[0]
    bare = LITERAL.sub(lambda one: one[1] or one[2] or one[3] or "", section)
    if is_timedelta_format(section):
        return partial(_duration, seconds="s" in section.lower())
    if code != "General" and is_date_format(section):
        pattern = LITERAL.sub("", section).lower()
        return partial(_moment, pattern=pattern, from_1904=from_1904)
    if "%" in bare:
        return _percent
    if re.fullmatch("0[0() /-]+", bare.strip("(")) and "0" in bare.strip("(")[1:]:
        return partial(_digits, pattern=bare)
    return _with_unit(bare)


def number(raw: str) -> str:
    """A number without the noise of its binary form: spreadsheets keep 15 digits."""
    if raw.isdigit():
        return raw
    value = Decimal(f"{float(raw):.15g}")
    if not -1e21 < value < 1e21 or 0 < abs(value) < 1e-15:
        return f"{value}"
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _percent(raw: str) -> str:
    value = Decimal(number(raw)) * 100
    return number(str(value)) + "%"


def _digits(raw: str, pattern: str) -> str:
    """`00000` shows 01234, and `000-000` 001-234."""
    places = pattern.count("0")
    if not raw.isdigit() or len(raw) > places:
        return number(raw)
    digits = iter(raw.zfill(places))
    return "".join(next(digits) if one == "0" else one for one in pattern)


def _with_unit(bare: str) -> Show:
    unit = next((one for one in UNITS if one in bare), "")
    if not unit:
        return number
    before = re.split(r"[0#?]", bare)[0]
    blank = " " if unit.isalpha() or unit not in before else ""
    return partial(_money, unit=unit, blank=blank, first=unit in before)


def _money(raw: str, unit: str, blank: str, first: bool) -> str:
    text = number(raw)
    sign, text = ("-", text[1:]) if text[0] == "-" else ("", text)
    return f"{sign}{unit}{blank}{text}" if first else f"{sign}{text}{blank}{unit}"


def _duration(raw: str, seconds: bool) -> str:
    """Hours, minutes, and seconds where they are shown or there are any."""
    whole = round(float(raw) * 86_400)
    minutes, rest = divmod(abs(whole), 60)
    text = f"{'-' if whole < 0 else ''}{minutes // 60}:{minutes % 60:02}"
    return f"{text}:{rest:02}" if seconds or rest else text


def _moment(raw: str, pattern: str, from_1904: bool) -> str:
    """A day, a time, or both, as the format shows; both where the value has what is not shown.

    A serial that is none stays as it is, among them 60: 1900-02-29, which never was.
    """
    value = float(raw)
    day, time = "d" in pattern or "y" in pattern, "h" in pattern or "s" in pattern
    day = day or not time
    first = 0 if from_1904 or not day else 1
    if not first <= value < LAST[from_1904] or not from_1904 and 60 <= value < 61:
        return number(raw)
    moment = _since(value, pattern, from_1904)
    if value < 1 and not day:
        return _time(moment, pattern)
    midnight = not (moment.hour or moment.minute or moment.second or moment.microsecond)
    date = moment.date().isoformat()
    return date if midnight and not time else f"{date}T{_time(moment, pattern)}"


def _since(value: float, pattern: str, from_1904: bool) -> datetime:
    """To the second, unless the format shows parts of it: what is below is left by arithmetic."""
    places = 3 if re.search(r"s\.0", pattern) else 0
    days, part = divmod(value, 1)
    begin = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30 if value >= 60 else 31)
    return begin + timedelta(days=days, seconds=round(part * 86_400, places))


def _time(moment: datetime, pattern: str) -> str:
    parts = bool(re.search(r"s\.0", pattern))
    return moment.time().isoformat("milliseconds" if parts else "seconds")
