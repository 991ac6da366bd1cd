"""The middleware of the core, in running order. Each function may let a request pass, change it or block it.

Flask runs before-request functions from first to last, then the view, then after-request functions;
those it runs from last to first, so they are registered backwards here and read forwards.
Blueprints add theirs with `before_app_request` and `after_app_request`: before-functions run after
those here, after-functions before those here. `/trips/pipeline` shows what is really in place.

`the_request().method` is `request.method` by a shorter way, and so are `the_app()` and `the_g()`.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from datetime import timedelta
from json.encoder import encode_basestring_ascii as quoted

from flask import Flask, Response, current_app, g, request, session
from flask.globals import request_ctx
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.sansio.utils import host_is_trusted

from app import passwords, permissions, sessions, throttle, trips
from app.current import the_app, the_g, the_request
from app.errors import ConfirmNeeded, Forbidden, SignInNeeded, StaleForm
from app.extensions import compress, csrf, login
from app.headers import make_safe, names_of, uncoded
from app.logs import REQUEST, utc
from app.tables import catalog
from app.trips.redact import safe_path

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
STOP_SEEING = "people.stop_seeing"
"""What is left to an administrator who sees the app as somebody else does."""

request_log = logging.getLogger(REQUEST)


def init_app(app: Flask) -> None:
    """Register the functions below."""
    for before in BEFORE:
        app.before_request(before)
    for after in reversed(AFTER):
        app.after_request(after)
    login.user_loader(_actor_of)


def trust_proxies(app: Flask) -> None:
    """Take address, scheme and host from the proxies in front, outside of all other middleware."""
    if proxies := app.config["ROUNDTRIP_PROXIES"]:
        from werkzeug.middleware.proxy_fix import ProxyFix

        wrapped = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        app.wsgi_app = wrapped  # type: ignore[method-assign]


# Before the view -------------------------------------------------------------------------------


def trip() -> None:
    """Gives the request its number, under which its trip, its log line and its error page can be found."""
    recorded, kept = trips.current(), the_g()
    kept.trip_id = recorded.id if recorded else secrets.token_hex(8)
    kept.began = time.perf_counter()


def trusted_host() -> None:
    """Blocks a request for a host name that is not ours, so that no link is ever made from a forged one."""
    trusted = the_app().config["ROUNDTRIP_TRUSTED_HOSTS"]
    if request_ctx.url_adapter is None or (trusted and not host_is_trusted(request.host, trusted)):
        raise BadRequest("This app does not answer to that host name.")


def size_limit() -> None:
    """Blocks a body over the limit before anything reads it. (Behind Waitress it was refused even earlier.)"""
    if not the_request().environ.get("CONTENT_LENGTH"):
        return
    limit = current_app.config["MAX_CONTENT_LENGTH"]
    if (request.content_length or 0) > limit:
        raise RequestEntityTooLarge(
            f"What you sent is larger than the {limit // 1_000_000:,} MB this app accepts."
        )


def person() -> None:
    """Finds out who asks: by a program's key, or by the cookie's session, whose row names the person."""
    the_g().actor = None
    environ = the_request().environ
    kind, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if kind.lower() == "bearer":
        g.actor = throttle.counting_keys(request.remote_addr or "", key.strip())
        trips.identify(g.actor.id, g.actor.name)
        return
    cookies = environ.get("HTTP_COOKIE", "")
    if the_app().config["SESSION_COOKIE_NAME"] not in cookies or _is_static():
        return
    if current_user.is_authenticated:
        g.actor = current_user._get_current_object()
        trips.identify(g.actor.id, g.actor.name)
        if session["_user_id"] != g.actor.token:
            session["_user_id"] = g.actor.token  # it was replaced; the answer carries the new one


def _actor_of(token: str) -> permissions.Actor | None:
    return sessions.actor_of(token, _place)


def _place() -> str:
    """Where in the app somebody is: the path of a page, without what sounds like a secret."""
    asked = the_request()
    is_page = asked.method == "GET" and asked.endpoint is not None
    return safe_path(asked.path, asked.view_args) if is_page else ""


def look_only() -> None:
    """Blocks changes by an administrator who sees the app as somebody else does; they can only stop."""
    actor = the_g().actor
    if actor is None or not actor.looker:
        return
    trips.identify(actor.id, f"{actor.looker} as {actor.name}")
    if the_request().method not in SAFE_METHODS and request.endpoint != STOP_SEEING:
        raise Forbidden(
            f"You see the app as {actor.name}, and can look but change nothing. Stop first."
        )


def sign_in_throttle() -> None:
    """Blocks guessing at passwords: after too many failures an account or address has to wait."""
    if the_request().method != "POST":
        return
    own = request.endpoint in throttle.OWN and g.actor is not None
    if own or request.endpoint in throttle.GUARDED:
        whose = g.actor.email if own else request.form.get("email", "")
        device = request.cookies.get(throttle.DEVICE_COOKIE)
        throttle.check(whose, request.remote_addr or "", device)
        if not own and not throttle.knows(whose, device):
            passwords.room.look()


def rate_limit() -> None:
    """Blocks an address that sends more often than the route allows."""
    if the_request().method == "POST" and request.endpoint:
        throttle.check_route(
            current_app.view_functions[request.endpoint],
            request.endpoint,
            request.remote_addr or "",
        )


def csrf_token() -> None:
    """Blocks a form that was not made by this app for this session (cross-site request forgery)."""
    if the_request().method in SAFE_METHODS or request.endpoint is None:
        return
    if g.actor is not None and g.actor.scope:
        return  # a key comes in a header, which no other site can make a browser send
    if g.actor is None and the_request().path.startswith("/api/"):
        return  # a program without a key: the next hook asks for one, as it does when it reads
    if current_app.config["WTF_CSRF_ENABLED"]:
        try:
            csrf.protect()
        except CSRFError as error:
            raise StaleForm(
                "It was not made for your present session, so nothing was saved. "
                "Go back, load the page again and send it once more."
            ) from error


def default_deny() -> None:
    """Blocks every route that is neither public nor opened by a right the asker has."""
    endpoint = the_request().endpoint
    if endpoint is None:
        return  # nothing matched: Flask answers 404 or 405 itself
    right = permissions.right_of(the_app().view_functions[endpoint])
    if right is None:
        if _is_static():
            return
        current_app.logger.error("the route %s declares no right, so nobody may use it", endpoint)
        raise Forbidden("This page has not been opened to anybody yet.")
    if right[0] == permissions.PUBLIC:
        return
    if g.actor is None:
        raise SignInNeeded
    action, subject = right
    tool, slash, table = subject.partition("/")
    if slash:
        catalog.get(g.actor, tool, table, action)
    else:
        permissions.require(g.actor, action, subject)
    if g.actor.scope == "read" and the_request().method not in SAFE_METHODS:
        raise Forbidden("This key has the scope “read”, so it changes nothing.")


def fresh_sign_in() -> None:
    """Blocks what needs a password that was typed a short while ago, and lets it be typed."""
    endpoint = the_request().endpoint
    if endpoint is None or not hasattr(the_app().view_functions[endpoint], "fresh"):
        return
    if g.actor is None or g.actor.session_id is None:
        raise Forbidden("This needs somebody who has signed in with their password, not a key.")
    if not sessions.is_fresh(g.actor.session_id):
        minutes = sessions.FRESH // timedelta(minutes=1)
        raise ConfirmNeeded(
            f"This needs your password, typed within the last {minutes} minutes, so nothing was saved. "
            "Open /auth/confirm, type it there, then go back and send this again."
        )


BEFORE = (
    trip,
    trusted_host,
    size_limit,
    person,
    look_only,
    sign_in_throttle,
    rate_limit,
    csrf_token,
    default_deny,
    fresh_sign_in,
)


# After the view --------------------------------------------------------------------------------


def conditional(response: Response) -> Response:
    """Answers 304 where the browser's copy is still right, by the ETag the view has set."""
    asked = the_request().environ.get("HTTP_IF_NONE_MATCH")
    if (
        asked
        and response.status_code == 200
        and response.get_etag()[0]
        and not response.is_streamed
        and not getattr(response, "always", False)
    ):
        response.make_conditional({**request.environ, "HTTP_IF_NONE_MATCH": uncoded(asked)})
    return response


def caching(response: Response) -> Response:
    """Keeps pages of signed-in people out of every cache, and versioned files in it for a year."""
    if _is_static():
        if "v" in request.args and response.status_code in (200, 304):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
    present = names_of(response)
    if "cache-control" not in present:
        response.headers.add("Cache-Control", "no-store")
    if "vary" in present:
        response.vary.add("Cookie")
    else:
        response.headers.add("Vary", "Cookie")
    return response


def compression(response: Response) -> Response:
    """Compresses the body with what the browser understands: Zstandard, Brotli or gzip."""
    body = response.response
    if type(body) is list and sum(map(len, body)) < the_app().config["COMPRESS_MIN_SIZE"]:
        return response  # too small to gain anything
    return compress.after_request(response)


def security_headers(response: Response) -> Response:
    """Tells the browser to run nothing but our own files, and to let nobody frame or sniff the page."""
    return make_safe(response)


def trip_number(response: Response) -> Response:
    """Sends the trip's number along, so that a program or a person can name it."""
    response.headers.add("X-Trip-Id", the_g().get("trip_id", ""))
    return response


def request_line(response: Response) -> Response:
    """Writes one structured line to the log for each request."""
    if request_log.isEnabledFor(logging.INFO):
        request_log.handle(_record(_line(response)))
    return response


AFTER = (conditional, caching, compression, security_headers, trip_number, request_line)


# Helpers ---------------------------------------------------------------------------------------


FACTS = ("trip", "person", "address", "method", "status", "ms", "path", "time")
_TEXT = " ".join(f"{name}=%s" for name in FACTS)


def _line(response: Response) -> str:
    kept, asked = vars(the_g()), the_request()
    actor, now = kept.get("actor"), time.perf_counter()
    path = safe_path(asked.path, asked.view_args)
    facts = (
        kept.get("trip_id"),
        actor.id if actor else None,
        asked.remote_addr,
        asked.method,
        response.status_code,
        round((now - kept.get("began", now)) * 1000, 1),
    )
    if the_app().config["ROUNDTRIP_LOG_FORMAT"] == "json":
        return json.dumps(dict(zip(FACTS, (*facts, path, utc(time.time())), strict=True)))
    return _TEXT % (*facts, quoted(path), utc(time.time()))  # the client chose it


def _new_record(line: str) -> logging.LogRecord:
    return logging.LogRecord(request_log.name, logging.INFO, "", 0, line, None, None)


_BLANK = vars(_new_record("")) | dict.fromkeys(("thread", "threadName", "process", "processName"))


def _record(line: str) -> logging.LogRecord:
    """A record made by hand, as that is half the work, unless somebody asks for thread or process."""
    if logging.logThreads or logging.logProcesses or logging.logMultiprocessing:
        return _new_record(line)
    record = logging.LogRecord.__new__(logging.LogRecord)
    created = time.time()
    since = (created - _BLANK["created"]) * 1000
    record.__dict__.update(
        _BLANK,
        msg=line,
        created=created,
        msecs=created * 1000 // 1 % 1000,
        relativeCreated=_BLANK["relativeCreated"] + since,
    )
    return record


def _is_static() -> bool:
    """Whether Flask's own view of a static folder answers, and not one that is only called so."""
    endpoint = the_request().endpoint or ""
    if not endpoint.endswith(".static"):
        return endpoint == "static"
    blueprint = current_app.blueprints.get(endpoint.removesuffix(".static"))
    return blueprint is not None and blueprint.has_static_folder
