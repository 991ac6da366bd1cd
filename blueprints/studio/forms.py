"""What a person types, as values. The rules are in `services` and `sheets`.

A sheet and a table have as many inputs as they have columns, so their forms are read by name:
`label-3` is the third column's. An input that was not sent leaves what was proposed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import wtforms
from flask_wtf.file import FileField
from werkzeug.datastructures import MultiDict

from app.errors import BadAddress
from app.fields import Field
from app.fields.other import OTHER
from app.forms import Form
from app.permissions import Actor
from app.sheets.inspecting import HeaderRow
from app.tables import links
from app.tables.table import Table
from blueprints.studio import sheets
from blueprints.studio.drawing import MOST_LISTED, Drawing, Row, known
from blueprints.studio.sheets import Draft
from blueprints.studio.uploads import HIDDEN, Found, Reading

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows, western", "cp1250": "Windows, central Europe",
    "cp1251": "Windows, Cyrillic", "cp850": "DOS", "mac-roman": "Macintosh", "latin-1": "ISO 8859-1",
}  # fmt: skip
ID = re.compile("[A-Za-z0-9_]{1,40}")
"""Of a field, as inputs are named by it."""


class UploadForm(Form):
    """A file to import."""

    file = FileField("Spreadsheet")


def encoding_label(name: str) -> str:
    """What people call an encoding."""
    return ENCODINGS.get(name.removesuffix("-sig"), name)


# How a file is read ----------------------------------------------------------------------------


def reading(args: Mapping[str, str]) -> Reading:
    """What an address says of how to read a file. Raises BadAddress."""
    encoding, delimiter = args.get("encoding") or None, args.get("delimiter") or None
    if encoding and encoding.removesuffix("-sig") not in ENCODINGS:
        raise BadAddress(f"There is no encoding “{encoding[:40]}”")
    if delimiter and delimiter not in DELIMITERS:
        raise BadAddress(f"Columns are not parted by “{delimiter[:10]}”")
    return Reading(args.get("sheet") or None, encoding, delimiter, _header(args.get("header", "")))


def _header(text: str) -> HeaderRow:
    text = text.strip()
    if text in ("", "auto"):
        return "auto"
    if text == "none":
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) and len(text) < 8):
        raise BadAddress("Header is the number of a row, or none")
    return int(text)


def address(reading: Reading) -> dict[str, str]:
    """The reading as an address has it."""
    header = "none" if reading.header is None else str(reading.header)
    told = {**reading._asdict(), "header": "" if header == "auto" else header}
    return {name: value for name, value in told.items() if value}


# What is said of a sheet -----------------------------------------------------------------------


def draft(found: Found, name: str, sent: MultiDict[str, str]) -> Draft:
    """What was proposed, with what was sent."""
    said = Draft.proposed(found, name)
    known = dict(sheets.type_words())
    for place, column in enumerate(found.plan.columns):
        if f"label-{place}" in sent:
            said.labels[place] = line(sent[f"label-{place}"])
            said.included[place] = f"include-{place}" in sent
        word = sent.get(f"type-{place}", column.type)
        said.types[place] = word if word in known else column.type
    for number, question in enumerate(found.questions):
        said.answers[number] = below(sent.get(f"q-{number}"), len(question["options"])) or 0
    said.name = line(sent.get("name", name))
    said.access = sent.get("access", said.access)
    said.title = below(sent.get("title"), len(said.labels))
    said.key = below(sent.get("key"), len(said.labels))
    said.skip = sent.get("rows") == "skip"
    return said


def line(text: str) -> str:
    """A text on one line, without what cannot be seen."""
    return " ".join(HIDDEN.sub("", " ".join(text.split())).split())


def below(text: str | None, count: int) -> int | None:
    """A number below `count`, None where it is none."""
    known = text and text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < count
    return int(text) if known and text else None


def answered(found: Found, said: Draft, now: Reading) -> Reading:
    """The reading that the answers ask for: another encoding or header means to look again."""
    for question, chosen in zip(found.questions, said.answers, strict=True):
        value = question["options"][chosen]["value"]
        if question["setting"] == "encoding" and value != found.plan.encoding:
            now = now._replace(encoding=value)
        if question["setting"] == "header_row" and value != found.plan.header_row:
            now = now._replace(header=value)
    return now


# A table that is drawn -------------------------------------------------------------------------

STEPS = ("preview", "add", "remove", "up", "down")
"""Buttons that show the form again, changed; it is sent by any other."""


def is_step(sent: MultiDict[str, str]) -> bool:
    """Whether the form shall only be shown again."""
    return any(name in sent for name in STEPS)


def drawing(sent: MultiDict[str, str]) -> Drawing:
    """What was sent, with its rows in the order that was asked for, one more or one less."""
    ids = [one for one in dict.fromkeys(sent.getlist("row")) if ID.fullmatch(one)]
    settings: dict[str, dict[str, str]] = {one: {} for one in ids}
    for name, text in sent.items():
        begin, _, rest = name.removeprefix("set-").partition("-")
        if name.startswith("set-") and begin in settings:
            settings[begin][rest] = text.strip().replace("\r\n", "\n")
    ordered = [one for one in _ordered(ids, sent) if one != sent.get("remove")]
    rows = [_row(sent, one, settings[one]) for one in ordered]
    if ID.fullmatch(added := sent.get("add", "")) and added not in ids:
        rows.append(Row(added, listed=sum(one.listed for one in rows) < MOST_LISTED))
    return Drawing(
        rows, line(sent.get("label", "")), sent.get("tool", ""), sent.get("access", ""),
        sent.get("title", ""), sent.get("sort", ""),
    )  # fmt: skip


def version(sent: MultiDict[str, str]) -> int:
    """The version of the table that was looked at; 0, which none has, where it was meddled with."""
    return below(sent.get("version"), 10**6) or 0


def choices(sent: MultiDict[str, str]) -> dict[str, str]:
    """What to do with values that do not fit, by the names of fields."""
    return {name.removeprefix("fit-"): text for name, text in sent.items() if name[:4] == "fit-"}


def _row(sent: MultiDict[str, str], id: str, settings: dict[str, str]) -> Row:
    word = sent.get(f"type-{id}", "")
    return Row(
        id,
        line(sent.get(f"label-{id}", "")),
        word if word in known() | {OTHER.name} else "text",
        f"required-{id}" in sent,
        f"unique-{id}" in sent,
        f"list-{id}" in sent,
        f"search-{id}" in sent,
        f"readonly-{id}" in sent,
        sent.get(f"default-{id}", "").strip(),
        line(sent.get(f"help-{id}", "")),
        settings,
    )


def _ordered(ids: list[str], sent: MultiDict[str, str]) -> list[str]:
    """The rows by the numbers that were typed; one that was moved goes past the one that is there.
    Then one place up or down where such a button was pressed."""

    def wish(id: str) -> float:
        now = ids.index(id) + 1
        wanted = below(sent.get(f"place-{id}"), 10**5)
        wanted = now if wanted is None else wanted
        return wanted + (0.5 if wanted > now else -0.5 if wanted < now else 0)

    ordered = sorted(ids, key=wish)
    for index, one in enumerate(ordered):
        to = index + (sent.get("down") == one) - (sent.get("up") == one)
        if to != index and 0 <= to < len(ordered):
            ordered[index], ordered[to] = ordered[to], ordered[index]
            break
    return ordered


def settings_of(actor: Actor, row: Row, errors_at: Mapping[str, list[str]]) -> list[Any]:
    """The inputs of the settings that the type of a row has, with what was typed and what is wrong."""
    begin = f"set-{row.id}-"
    texts = row.kind.write_settings({}) | row.asked
    sent = MultiDict({f"{begin}{name}": text for name, text in texts.items()})
    asked = [links.offering(actor, one) for one in row.kind.settings]
    inputs = list(_form_of(asked)(sent, prefix=begin))
    for one in inputs:
        one.errors = errors_at.get(one.id, [])
    return inputs


def preview(table: Table) -> list[Any]:
    """The inputs of the form for a new record that a drawn table will have."""
    fields = [one for one in table.written if not one.type.given]
    return list(_form_of(fields)(prefix="preview-"))


def _form_of(fields: Sequence[Field]) -> type[wtforms.Form]:
    return type("Inputs", (wtforms.Form,), {f"f_{one.name}": one.type.input(one) for one in fields})
