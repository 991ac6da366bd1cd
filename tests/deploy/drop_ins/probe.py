"""A drop-in of the tests: says what the app sees of a request, takes its time, keeps notes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy.orm as so
from flask import Blueprint, Response, request, url_for
from flask_wtf.csrf import generate_csrf

from app.database import writing
from app.extensions import db
from app.permissions import public

bp = Blueprint("probe", __name__, url_prefix="/probe")


class Note(db.Model):  # type: ignore[name-defined,misc]
    """One confirmed write."""

    text: so.Mapped[str]


@bp.get("/seen")
@public
def seen() -> Any:
    """Who asks, how, and what a link to here looks like."""
    link = url_for("probe.seen", _external=True)
    return {"address": request.remote_addr, "secure": request.is_secure, "link": link}


@bp.get("/slow")
@public
def slow() -> Any:
    """Answer `size` bytes after `seconds`."""
    time.sleep(request.args.get("seconds", 1.0, float))
    size = request.args.get("size", 10, int)
    response = Response(_pieces(size), mimetype="application/octet-stream")
    response.content_length = size  # without it Waitress closes the connection afterwards
    return response


def _pieces(size: int) -> Iterator[bytes]:
    for start in range(0, size, 65_536):
        yield b"x" * min(65_536, size - start)


@bp.get("/notes")
@public
def form() -> Any:
    """A form, for its token."""
    return f'<form><input name="csrf_token" value="{generate_csrf()}"></form>'


@bp.post("/notes")
@public
def add() -> Any:
    """Keep a note; its id is the confirmation."""
    with writing() as session:
        note = Note(text=request.form["text"])
        session.add(note)
    return {"id": note.id}, 201
