"""A view of a table as a download, sent while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Response, request, stream_with_context

from app.permissions import Actor, require
from app.sheets import exporting
from app.tables.listing import Query
from app.tables.live import Live


def download(actor: Actor, live: Live, query: Query, kind: str, name: str) -> Response:
    """The rows, order and fields of this view as a file of this kind, called `<name>.<kind>`. Raises
    Forbidden, Invalid."""
    require(actor, "export", live.table)
    if kind != "xlsx" or request.method == "HEAD":
        answer = Response(_body(actor, live, query, kind), mimetype=exporting.TYPES[kind])
    else:
        answer = _workbook(actor, live, query)
    answer.headers.set("Content-Disposition", "attachment", filename=f"{name}.{kind}")
    return answer


def _body(actor: Actor, live: Live, query: Query, kind: str) -> Iterator[bytes]:
    if request.method == "HEAD":  # nobody would read it to its end
        return iter(())
    found = exporting.stream(actor, live, query, kind)
    first = next(found, b"")  # what goes wrong at once has a status of its own
    return stream_with_context(chain((first,), found))


def _workbook(actor: Actor, live: Live, query: Query) -> Response:
    """A workbook is a zip file, which is whole before it can be sent."""
    folder = TemporaryDirectory(ignore_cleanup_errors=True)
    try:
        file = exporting.as_xlsx(actor, live, query, Path(folder.name) / "export.xlsx")
    except BaseException:
        folder.cleanup()
        raise
    answer = Response(_read(folder, file), mimetype=exporting.TYPES["xlsx"])
    answer.content_length = file.stat().st_size
    return answer


def _read(folder: TemporaryDirectory[str], file: Path) -> Iterator[bytes]:
    with folder, file.open("rb") as source:
        while block := source.read(1 << 16):
            yield block
