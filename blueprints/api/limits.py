"""How often the API may be used: per key, per person in a browser, per address of strangers.

The headers are those of the IETF's draft for rate limits (draft-ietf-httpapi-ratelimit-headers, from 08
on): `RateLimit-Policy: "key";q=600;w=60` says that 600 requests are allowed in 60 seconds, and
`RateLimit: "key";r=599;t=42` that 599 of them are left for the next 42.
"""

from __future__ import annotations

import logging

from flask import Response, current_app, g, request

from app import throttle
from app.errors import TooMany, Unavailable, answer
from app.permissions import roles_of
from app.throttle import Standing
from blueprints.api import bp

log = logging.getLogger("roundtrip.api")

READING = {"GET", "HEAD", "OPTIONS"}


@bp.before_request
def api_rate() -> None:
    """Blocks who uses the API more often than their limit says."""
    if g.actor is not None:
        _refuse_more(_count())


@bp.after_request
def api_rate_left(response: Response) -> Response:
    """Says how much of the limit is left, and makes strangers wait who ask too often."""
    if g.get("actor") is None and response.status_code == 401:
        response = _stranger(response)
    if standing := g.get("api_standing"):
        about = _whose()[0]
        policy = f'"{about}";q={standing.most};w={standing.period}'
        response.headers["RateLimit-Policy"] = policy
        response.headers["RateLimit"] = f'"{about}";r={standing.left};t={standing.reset}'
    return response


def _stranger(response: Response) -> Response:
    """The answer to somebody who is refused before they are counted: they are let in nowhere."""
    try:
        _refuse_more(_count())
    except (TooMany, Unavailable) as error:
        return answer(error.status, error.title, error.detail, error.headers)
    return response


def _refuse_more(standing: Standing | None) -> None:
    if standing is not None and standing.over:
        many = f"{standing.most:,} requests in {standing.period:,} seconds"
        words = f"Too many requests: {many} are allowed. Go on in {standing.reset:,} seconds."
        raise TooMany(words, standing.reset)


def _count() -> Standing | None:
    """Where the asker stands; None where nothing is limited, or where reading goes on uncounted."""
    rate = _rate()
    if rate == "off":
        return None
    try:
        g.api_standing = throttle.count(rate, "api", *_whose())
    except Unavailable:
        if g.get("actor") is not None and request.method in READING:
            return None
        raise
    if g.api_standing.over:
        log.warning("limit of the API: %s %s waits %ss", *_whose(), g.api_standing.reset)
    return g.api_standing  # type: ignore[no-any-return]


def _rate() -> str:
    """The most generous limit of the asker's roles, or that of the setting where they have none."""
    usual: str = current_app.config["ROUNDTRIP_API_RATE"]
    rates = [one.api_rate for one in roles_of(g.actor) if one.api_rate] if g.get("actor") else []
    return max(rates, key=throttle.generous, default=usual)


def _whose() -> tuple[str, str]:
    """What is counted together: a key, a person, an address."""
    actor = g.get("actor")
    if actor is None:
        return "address", request.remote_addr or ""
    return ("key", str(actor.key_id)) if actor.key_id else ("person", str(actor.id))
