"""Files that wait to be imported: each in a folder of its own, named by a token that nobody guesses.

<instance>/uploads/<token>/about.json     whose it is, what it was called
                          /<safe name>    the file
                          /found-….json   what was found in a sheet, so that no page reads all again
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import time
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

import sqlalchemy as sa
from flask import current_app

from app import jobs
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import Job
from app.permissions import Actor
from app.sheets.book import Book, Problem, open_book
from app.sheets.inspecting import HeaderRow, Inspection, inspect
from app.sheets.names import labels
from app.sheets.plan import Plan

KEPT = timedelta(days=7)
TOKEN = re.compile("[0-9a-f]{32}")
LONGEST_LABEL = 100
SHOWN_ROWS, SHOWN_CHARACTERS = 10, 2_000
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of what stands after them."""
UNSAFE = re.compile(r'[<>:"/\\|?*]')
DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$)(\..*)?")
GONE = "This upload is gone: it was kept for seven days, or it is somebody else's. Choose the file again."


class Upload(NamedTuple):
    """A file that was sent. `name` is what it was called."""

    token: str
    file: Path
    name: str


class Reading(NamedTuple):
    """How a person wants a file to be read; what is None is found out."""

    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: HeaderRow = "auto"


AS_FOUND = Reading()


class Found(NamedTuple):
    """What was found in one sheet. `columns` and `questions` are as `sheet inspect --json` has them, a
    question with the `index` of its column in the plan's; `preview` has the first rows."""

    kind: str
    sheets: list[str]
    plan: Plan
    rows: int
    columns: list[dict[str, Any]]
    questions: list[dict[str, Any]]
    problems: list[Problem]
    problem_count: int
    dropped: list[str]
    preview: list[tuple[int, list[str]]]


# Keeping ---------------------------------------------------------------------------------------


def keep(actor: Actor, stream: BinaryIO, name: str) -> Upload:
    """Keep what is sent, once something was found in it. Raises Invalid, and then nothing is kept."""
    folder = _folder() / secrets.token_hex(16)
    folder.mkdir(parents=True)
    try:
        upload = Upload(folder.name, folder / safe_name(name), plain(name, 200))
        with upload.file.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
        look(upload)
        about = {"owner": actor.id, "name": upload.name, "file": upload.file.name}
        _write(folder / "about.json", about)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return upload


def find(actor: Actor, token: str) -> Upload:
    """An upload of one's own. Raises NotFound."""
    about = _about(token)
    if not about or about["owner"] != actor.id:
        raise NotFound(GONE)
    file = _folder() / token / about["file"]
    if not file.is_file():
        raise NotFound(GONE)
    return Upload(token, file, about["name"])


def _about(token: str) -> dict[str, Any]:
    try:
        found = TOKEN.fullmatch(token) and _read(_folder() / token / "about.json")
    except (OSError, ValueError):
        return {}
    return found or {}


def safe_name(name: str) -> str:
    """A name of a file that any system takes, near to the one that was sent."""
    bare = PurePosixPath(name.replace("\\", "/")).name
    bare = UNSAFE.sub("_", HIDDEN.sub("", bare)).strip(" .") or "table.csv"
    stem, dot, ending = bare.rpartition(".")
    ending = re.sub("[^0-9A-Za-z]", "", ending)[:10] if dot else ""
    short = (stem if dot else bare)[:60].strip(" .") or "table"
    safe = f"{short}.{ending}" if ending else short
    taken = DEVICES.fullmatch(safe) or safe.casefold().endswith(".json")
    return f"_{safe}.txt" if taken else safe


def plain(text: str, longest: int) -> str:
    """A text on one line that shows what it says, cut short with a sign of it."""
    words = " ".join(HIDDEN.sub("", " ".join(text.split())).split())
    return words if len(words) <= longest else f"{words[: longest - 1].rstrip()}…"


def _folder() -> Path:
    return Path(current_app.config["ROUNDTRIP_INSTANCE"]).resolve() / "uploads"


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


# Looking into ----------------------------------------------------------------------------------


def look(upload: Upload, reading: Reading = AS_FOUND) -> Found:
    """What is in it, read so. All is read once, then what was found is at hand. Raises Invalid."""
    digest = hashlib.sha256(json.dumps(reading).encode()).hexdigest()[:16]
    kept = upload.file.with_name(f"found-{digest}.json")
    try:
        return _of(_read(kept))
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
    ):  # not there, half written, of another version
        with open_book(upload.file, reading.encoding, reading.delimiter) as book:
            found = _document(book, _filled(book, reading, upload.name))
        _write(kept, found)
        return _of(found)


def _filled(book: Book, reading: Reading, file_name: str) -> Inspection:
    """The sheet that is wanted, else the first that has rows. Raises Invalid."""
    names = [reading.sheet] if reading.sheet else [one.name for one in book.sheets]
    heading = False
    for name in names:
        found = inspect(book, name, reading.header)
        if found.sheet().rows:
            return found
        heading = heading or bool(found.sheet().columns)
    what = "has a header and no rows below it" if heading else "has nothing in it"
    raise Invalid(f"{file_name} {what}, so there is nothing to import.")


def _document(book: Book, found: Inspection) -> dict[str, Any]:
    """As JSON, with labels that fit a page."""
    sheet, plan = found.sheet(), found.plan()
    places = {column.label: place for place, column in enumerate(plan.columns)}
    told = sheet.document()
    for question in told["questions"]:
        question["index"] = places.get(question["column"])
    for column, label in zip(plan.columns, _labels(plan), strict=True):
        column.label, column.heading = label, ""
    for column in told["columns"]:
        column["heading"] = plain(column["heading"], LONGEST_LABEL)
    preview = [
        (line, [cell[:SHOWN_CHARACTERS] for cell in cells])
        for line, cells in sheet.preview[:SHOWN_ROWS]
    ]
    names = [one.name for one in book.sheets]
    return {
        **told,
        "kind": found.kind,
        "sheets": names,
        "plan": plan.document(),
        "preview": preview,
    }


def _labels(plan: Plan) -> list[str]:
    return labels(plain(column.label, LONGEST_LABEL) for column in plan.columns)


def _of(told: dict[str, Any]) -> Found:
    known = {name: told[name] for name in Found._fields}
    problems = [Problem(**one) for one in told["problems"]]
    return Found(**{**known, "plan": Plan.of(told["plan"]), "problems": problems})


# Tidying up ------------------------------------------------------------------------------------


def sweep() -> None:
    """Remove what was sent more than seven days ago and no open job imports."""
    latest = time.time() - KEPT.total_seconds()
    old = [one for one in _folder().glob("*") if TOKEN.fullmatch(one.name) and _age(one) < latest]
    if not old:
        return
    wanted = db.session.scalars(sa.select(Job.arguments).where(Job.state.in_(jobs.OPEN)))
    in_use = {Path(str(one.get("file", ""))).parent.name for one in wanted}
    for folder in old:
        if folder.name not in in_use:
            shutil.rmtree(folder, ignore_errors=True)


def _age(folder: Path) -> float:
    """When something was last put into it."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return time.time()


jobs.SWEEPS.append(sweep)
