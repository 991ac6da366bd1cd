"""The middleware of the core, in running order. Each function may let a request pass, change it or block it.

Flask runs before-request functions from first to last, then the view, then after-request functions;
those it runs from last to first, so they are registered backwards here and read forwards.
Blueprints add theirs with `before_app_request` and `after_app_request`: before-functions run after
those here, after-functions before those here. `/trips/pipeline` shows what is really in place.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import time

from flask import Flask, Response, current_app, g, request
from flask.globals import request_ctx
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.sansio.utils import host_is_trusted

from app import permissions, throttle, trips
from app.errors import Forbidden, SignInNeeded, StaleForm
from app.extensions import compress, csrf, login
from app.headers import make_safe
from app.sessions import actor_of
from app.trips.redact import safe_path

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}

request_log = logging.getLogger("roundtrip.request")


def init_app(app: Flask) -> None:
    """Register the functions below."""
    for before in BEFORE:
        app.before_request(before)
    for after in reversed(AFTER):
        app.after_request(after)
    login.user_loader(actor_of)


def trust_proxies(app: Flask) -> None:
    """Take address, scheme and host from the proxies in front, outside of all other middleware."""
    if proxies := app.config["ROUNDTRIP_PROXIES"]:
        from werkzeug.middleware.proxy_fix import ProxyFix

        wrapped = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        app.wsgi_app = wrapped  # type: ignore[method-assign]


# Before the view -------------------------------------------------------------------------------


def trip() -> None:
    """Gives the request its number, under which its trip, its log line and its error page can be found."""
    recorded = trips.current()
    g.trip_id = recorded.id if recorded else secrets.token_hex(8)
    g.began = time.perf_counter()


def trusted_host() -> None:
    """Blocks a request for a host name that is not ours, so that no link is ever made from a forged one."""
    trusted = current_app.config["ROUNDTRIP_TRUSTED_HOSTS"]
    if request_ctx.url_adapter is None or (trusted and not host_is_trusted(request.host, trusted)):
        raise BadRequest("This app does not answer to that host name.")


def size_limit() -> None:
    """Blocks a body over the limit before anything reads it. (Behind Waitress it was refused even earlier.)"""
    limit = current_app.config["MAX_CONTENT_LENGTH"]
    if request.environ.get("CONTENT_LENGTH") and (request.content_length or 0) > limit:
        raise RequestEntityTooLarge(
            f"What you sent is larger than the {limit // 1_000_000:,} MB this app accepts."
        )


def person() -> None:
    """Finds out who asks: the cookie names a session, the session's row names the person."""
    g.actor = None
    if _is_static() or current_app.config["SESSION_COOKIE_NAME"] not in request.environ.get(
        "HTTP_COOKIE", ""
    ):
        return
    if current_user.is_authenticated:
        g.actor = current_user._get_current_object()
        trips.identify(g.actor.id, g.actor.name)


def sign_in_throttle() -> None:
    """Blocks guessing at passwords: after too many failures an account or address has to wait."""
    if request.method == "POST" and request.endpoint in throttle.GUARDED:
        throttle.check(
            request.form.get("email", ""),
            request.remote_addr or "",
            request.cookies.get(throttle.DEVICE_COOKIE),
        )


def rate_limit() -> None:
    """Blocks an address that sends more often than the route allows."""
    if request.method == "POST" and request.endpoint:
        throttle.check_route(
            current_app.view_functions[request.endpoint],
            request.endpoint,
            request.remote_addr or "",
        )


def csrf_token() -> None:
    """Blocks a form that was not made by this app for this session (cross-site request forgery)."""
    if request.method in SAFE_METHODS or request.endpoint is None:
        return
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
    if request.endpoint is None or _is_static():
        return  # nothing matched: Flask answers 404 or 405 itself
    right = permissions.right_of(current_app.view_functions[request.endpoint])
    if right is None:
        current_app.logger.error(
            "the route %s declares no right, so nobody may use it", request.endpoint
        )
        raise Forbidden("This page has not been opened to anybody yet.")
    if right[0] == permissions.PUBLIC:
        return
    if g.actor is None:
        raise SignInNeeded("This needs somebody who has signed in.")
    permissions.require(g.actor, *right)


BEFORE = (
    trip,
    trusted_host,
    size_limit,
    person,
    sign_in_throttle,
    rate_limit,
    csrf_token,
    default_deny,
)


# After the view --------------------------------------------------------------------------------


def conditional(response: Response) -> Response:
    """Answers 304 where the browser's copy is still right, by the ETag the view has set."""
    if "ETag" in response.headers and response.status_code == 200 and not response.is_streamed:
        asked = request.environ.get("HTTP_IF_NONE_MATCH", "")
        plain = re.sub(r":(gzip|br|zstd|deflate)\"", '"', asked)  # compression adds its name
        response.make_conditional({**request.environ, "HTTP_IF_NONE_MATCH": plain})
    return response


def caching(response: Response) -> Response:
    """Keeps pages of signed-in people out of every cache, and versioned files in it for a year."""
    if _is_static():
        if "v" in request.args and response.status_code in (200, 304):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        if "Vary" not in response.headers:
            response.headers["Vary"] = "Cookie"
        else:
            response.vary.add("Cookie")
    return response


def compression(response: Response) -> Response:
    """Compresses the body with what the browser understands: Zstandard, Brotli or gzip."""
    smallest = current_app.config["COMPRESS_MIN_SIZE"]
    if (response.content_length or smallest) < smallest:
        return response  # too small to gain anything
    return compress.after_request(response)


def security_headers(response: Response) -> Response:
    """Tells the browser to run nothing but our own files, and to let nobody frame or sniff the page."""
    return make_safe(response)


def trip_number(response: Response) -> Response:
    """Sends the trip's number along, so that a program or a person can name it."""
    response.headers.add("X-Trip-Id", g.get("trip_id", ""))
    return response


def request_line(response: Response) -> Response:
    """Writes one structured line to the log for each request."""
    if request_log.isEnabledFor(logging.INFO):
        line = _line(response)
        # A record made by hand: asking Python where it was logged would cost more than the line.
        request_log.handle(
            logging.LogRecord(request_log.name, logging.INFO, "", 0, line, None, None)
        )
    return response


AFTER = (conditional, caching, compression, security_headers, trip_number, request_line)


# Helpers ---------------------------------------------------------------------------------------


def _line(response: Response) -> str:
    actor, asked = g.get("actor"), request_ctx.request
    facts = {
        "trip": g.get("trip_id"),
        "person": actor.id if actor else None,
        "address": asked.remote_addr,
        "method": asked.method,
        "path": safe_path(asked.path, asked.view_args),
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1),
    }
    if current_app.config["ROUNDTRIP_LOG_FORMAT"] == "json":
        return json.dumps(facts)
    path = json.dumps(facts.pop("path"))  # quoted: the client chose it
    return " ".join([*(f"{name}={value}" for name, value in facts.items()), f"path={path}"])


def _is_static() -> bool:
    """Whether Flask's own view of a static folder answers, and not one that is only called so."""
    endpoint = request.endpoint or ""
    if not endpoint.endswith(".static"):
        return endpoint == "static"
    blueprint = current_app.blueprints.get(endpoint.removesuffix(".static"))
    return blueprint is not None and blueprint.has_static_folder
