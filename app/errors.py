"""Errors: raised where a rule is broken, rendered here, in one place, as a page or problem+json.

Services raise the classes below; their text is a sentence for the person: what is wrong, what works.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import sqlalchemy.exc
import sqlalchemy.orm.exc
from flask import Flask, Response, current_app, g, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.http import HTTP_STATUS_CODES

from app.headers import make_safe

log = logging.getLogger("roundtrip.errors")


class AppError(Exception):
    """An error with an HTTP status and words for the person. `headers` go into the answer."""

    status = 500
    title = "Something broke on our side"
    cure = ""
    """The endpoint of a page that helps."""

    def __init__(self, detail: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}


class NotFound(AppError):
    """Missing, or not to be seen by the one who asks: both look alike."""

    status, title = 404, "Nothing here"


class Forbidden(AppError):
    """The person is known and lacks a right; the text names it and who can give it."""

    status, title = 403, "You lack a right"


class StaleForm(AppError):
    """A form without a token, or with one of another session."""

    status, title = 400, "This form cannot be used any more"


class SignInNeeded(AppError):
    """Nobody is signed in, and the address is not public."""

    status, title = 401, "Sign in first"

    def __init__(self) -> None:
        words = (
            "This needs somebody who has signed in; a program sends a key, in the header "
            "Authorization: Bearer rt_…"
        )
        super().__init__(words, {"WWW-Authenticate": "Bearer"})


class BadKey(AppError):
    """The key of a program is not known, or not any more."""

    status, title = 401, "This key opens nothing"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


class ConfirmNeeded(AppError):
    """The person has to type the password again first."""

    status, title = 403, "Type your password again"
    cure = "auth.confirm"


class Invalid(AppError):
    """Values that a rule refuses; `errors` are (field, message) pairs."""

    status, title = 422, "Some values need another look"

    def __init__(self, detail: str = "", errors: list[tuple[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.errors = errors or []

    def __str__(self) -> str:
        return self.detail or "; ".join(message for _, message in self.errors)


class BadAddress(Invalid):
    """An address that asks for what there is not, such as a filter by an unknown field."""

    status, title = 400, "That address asks for something unknown"


class Conflict(AppError):
    """Somebody else changed the same thing in between, or a rule forbids it as things stand."""

    status, title = 409, "Not possible as things are"


class TooMany(AppError):
    """Too many tries; `retry_after` is in seconds."""

    status, title = 429, "Too many tries"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail, {"Retry-After": str(retry_after)})


class Unavailable(AppError):
    """The work cannot be done now and can be tried again; `retry_after` is in seconds."""

    status, title = 503, "Not just now"

    def __init__(self, detail: str, retry_after: int = 5) -> None:
        super().__init__(detail, {"Retry-After": str(retry_after)})


TITLES = {
    400: "That request could not be read",
    404: "Nothing here",
    405: "Not this way",
    413: "Too large",
    429: "Too many tries",
    500: "Something broke on our side",
}
DETAILS = {
    404: "There is no page at this address. It may have moved, or the address has a typing mistake.",
    405: "This address exists, but does not take this kind of request.",
    413: "What you sent is larger than this app accepts.",
    500: "If you sent something, look whether it was saved before you send it again. "
    "The trip number below helps whoever looks into it.",
}


_PASSING = re.compile(r"full|readonly|disk I/O|locked|busy|unable to open|interrupted")
_SWAPPED = re.compile(r"no such (?:table|column): \S+__|relation .+__|column .+__|cached plan")
"""A table of a tool that was deleted, restored or made anew between the statements of a request."""


def init_app(app: Flask) -> None:
    """Let every error come here."""
    app.register_error_handler(AppError, app_error)
    app.register_error_handler(HTTPException, http_error)
    for kind in ("OperationalError", "ProgrammingError", "NotSupportedError"):
        app.register_error_handler(getattr(sqlalchemy.exc, kind), database_error)
    app.register_error_handler(sqlalchemy.exc.DataError, data_error)
    app.register_error_handler(sqlalchemy.exc.IntegrityError, integrity_error)
    app.register_error_handler(sqlalchemy.orm.exc.StaleDataError, stale_error)


def app_error(error: AppError) -> Any:
    """A rule of the app said no."""
    if isinstance(error, SignInNeeded) and not wants_json():
        return _to_sign_in()
    if isinstance(error, ConfirmNeeded) and request.method in ("GET", "HEAD") and not wants_json():
        return redirect(url_for("auth.confirm", next=_here()), 303)
    if error.status == 403:
        who = g.actor.id if g.get("actor") else None
        log.warning("refused: person=%s address=%s: %s", who, request.remote_addr, error.detail)
    errors = [{"field": f, "message": m} for f, m in getattr(error, "errors", [])]
    return answer(error.status, error.title, str(error), error.headers, errors, error.cure)


def _to_sign_in() -> Any:
    """A redirect to the sign-in page, which leads back to where the person wanted to go."""
    wanted = _here() if request.method == "GET" else None
    return redirect(url_for("auth.login", next=wanted), 303)


def _here() -> str:
    return request.full_path.rstrip("?")


def http_error(error: HTTPException) -> Any:
    """Flask or Werkzeug said no, or an exception nobody caught became a 500."""
    if error.response is not None or (error.code and error.code < 400):
        return error  # a redirect, or an answer made by whoever raised it
    code = error.code or 500
    own_words = getattr(error, "description", None)
    standard = type(error).description == own_words or isinstance(error, InternalServerError)
    detail = DETAILS.get(code, own_words or "") if standard else own_words or ""
    headers = {k: v for k, v in error.get_headers() if k not in ("Content-Type", "Content-Length")}
    if "Allow" in headers and standard:
        detail += f" It takes {headers['Allow']}."
    return answer(code, TITLES.get(code, HTTP_STATUS_CODES.get(code, "Error")), detail, headers)


def database_error(error: sqlalchemy.exc.DBAPIError) -> Any:
    """The database is locked, full, read-only or away, or a table was changed by another process just
    now: nothing was saved, trying again may work. A statement that is wrong is an error of ours.
    """
    words = str(error.orig)
    if _SWAPPED.search(words.partition("\n")[0]):  # what follows of a deadlock names tables too
        log.warning("database: %s", words)
        detail = (
            "A table was changed while this was made, so nothing was saved. Load the page again."
        )
        return answer(503, "Not just now", detail, {"Retry-After": "1"})
    wrong = not isinstance(error, sqlalchemy.exc.OperationalError)
    if wrong or isinstance(error.orig, sqlite3.OperationalError) and not _PASSING.search(words):
        raise error
    log.error("database: %s", words)
    full = "full" in words or "readonly" in words or "disk I/O" in words
    detail = (
        "The disk of this app is full or read-only, so nothing was saved."
        if full
        else "The database is busy, so nothing was saved. Try again in a few seconds."
    )
    return answer(507 if full else 503, "Not just now", detail, {"Retry-After": "5"})


def data_error(error: sqlalchemy.exc.DataError) -> Any:
    """PostgreSQL refuses a value, such as a text with NUL in it or a number too large for its column."""
    log.warning("database: %s", error.orig)
    return answer(422, Invalid.title, "A value cannot be stored as it is, so nothing was saved.")


def integrity_error(error: sqlalchemy.exc.IntegrityError) -> Any:
    """A foreign key or an index refuses what no rule has foreseen. A value that is missing is an error of ours."""
    log.warning("database: %s", error.orig)
    if re.search("not.null", str(error.orig), re.IGNORECASE):
        raise error
    detail = "Other records belong to this one, or another one has its place, so nothing was saved."
    return answer(409, Conflict.title, detail)


def stale_error(_error: Exception) -> Any:
    """A record was saved by somebody else between reading and writing it."""
    return answer(
        409,
        Conflict.title,
        "This record was changed by somebody else in between. Nothing was overwritten; look at it again.",
    )


def wants_json() -> bool:
    """True for programs: they accept JSON and not HTML, or ask at a JSON address."""
    for_people = request.path.startswith(("/api/docs", "/api/tokens"))
    if request.path.startswith("/api/") and not for_people or request.path.endswith(".json"):
        return True
    best = request.accept_mimetypes.best_match(
        ["text/html", "application/json", "application/problem+json"]
    )
    return best is not None and best != "text/html"


def answer(
    status: int, title: str, detail: str, headers: dict[str, str] | None = None, errors: Any = None,
    cure: str = "",
) -> Response:  # fmt: skip
    """The error as the asker can read it. Never fails, whatever state the request is in."""
    if wants_json():
        response = problem(status, title, detail, errors=errors)
    else:
        response = _page(status, title, detail, cure)
    response.headers.update(headers or {})
    response.headers["Cache-Control"] = "no-store"
    return make_safe(response)  # here too: the hooks that do this may be what failed


def problem(status: int, title: str, detail: str, **more: Any) -> Response:
    """RFC 9457; `more` are members of its own, left out where they are empty."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        **{name: one for name, one in more.items() if one},
        "trip": g.get("trip_id"),
    }
    text = json.dumps(body, ensure_ascii=False)
    sayable = text.encode(errors="replace")  # what was sent may have half a pair of UTF-16
    return Response(sayable, status, mimetype="application/problem+json")


def _page(status: int, title: str, detail: str, cure: str) -> Response:
    values = {"status": status, "title": title, "detail": detail, "trip_id": g.get("trip_id")}
    try:
        return Response(
            render_template("errors/error.html", **values, back=_back(), cure=cure), status
        )
    except Exception:  # the page needs more than a broken request may have, such as an address
        current_app.logger.exception("the error page could not be rendered")
        plain = current_app.jinja_env.get_template("errors/plain.html")
        return Response(plain.render(**values), status)  # nothing of the frame, which may be broken


def _back() -> str:
    """The page from which this one was asked for, where it is another one of ours; empty else."""
    came = urlsplit(request.referrer or "")
    ours = came.netloc == request.host and came.path.startswith("/") and came.path[:2] != "//"
    here = request.method == "GET" and came.path == request.path
    return urlunsplit(("", "", came.path, came.query, "")) if ours and not here else ""
