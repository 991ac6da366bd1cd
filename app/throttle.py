"""Limits: how often an address may use a route, and how often one may guess at a password.

Failures to sign in are counted per account and per address, and then one has to wait. A device that
has signed in to the account before is counted apart, by a signed cookie, so that nobody can lock an
owner out by failing in their name. Counts live in memory for one process, in Redis for several.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from flask import current_app
from itsdangerous import BadSignature, URLSafeTimedSerializer

from app import tokens
from app.errors import BadKey, TooMany, Unavailable
from app.permissions import Actor
from app.sessions import digest

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import FixedWindowRateLimiter

log = logging.getLogger("roundtrip.throttle")

View = TypeVar("View", bound=Callable[..., Any])

DEVICE_COOKIE = "roundtrip_device"
DEVICE_DAYS = 180

AWAY = "This cannot be allowed just now, as tries cannot be counted."
AWAY_SECONDS = 5
"""How long Redis is not asked again for the counts of the API when it did not answer."""
REDIS: Any = {"socket_connect_timeout": 1, "socket_timeout": 1, "wrap_exceptions": True}

GUARDED: set[str] = set()
"""Endpoints whose POST is a try at the password of the account it names; blueprints add theirs."""
OWN: set[str] = set()
"""The same, where one types one's own password again."""


def limited(rate: str) -> Callable[[View], View]:
    """Declare how often one address may send to a route, as `60/minute`; reading is not counted."""

    def declare(view: View) -> View:
        view.rate = rate  # type: ignore[attr-defined]
        return view

    return declare


def check_route(view: Callable[..., Any], endpoint: str, address: str) -> None:
    """Raise TooMany when the address has used the route as often as it declares."""
    declared = getattr(view, "rate", None)
    if declared is None:
        return
    rate = _parsed(declared)
    if not _ask("hit", rate, endpoint, address):
        wait = _wait(rate, endpoint, address)
        log.warning("limit: address=%s route=%s wait=%ss", address, endpoint, wait)
        raise TooMany(f"Too many requests from your address. Try again in {_in_words(wait)}.", wait)


def check(email: str, address: str, device: str | None) -> None:
    """Raise TooMany when this try may not be made now."""
    rate = _rate()
    if rate is None:
        return
    for key in _keys(email, address, device):
        if not _ask("test", rate, *key):
            wait = _wait(rate, *key)
            log.warning("sign-in has to wait: address=%s by=%s wait=%ss", address, key[0], wait)
            raise TooMany(f"Too many failed tries. Sign in again in {_in_words(wait)}.", wait)


def failed(email: str, address: str, device: str | None) -> None:
    """Count a try that failed. Raise TooMany when others failed meanwhile, so that tries at the same
    moment, which all passed `check`, learn no more than tries one after the other.
    """
    rate = _rate()
    if rate is not None:
        counted = [_ask("hit", rate, *key) for key in _keys(email, address, device)]
        if not all(counted):
            check(email, address, device)


def counting_keys(address: str, key: str) -> Actor:
    """Whose key this is; keys that are none are counted by address. Raises BadKey, TooMany."""
    try:
        return tokens.actor_of(key)
    except BadKey:
        rate = _rate()
        if rate is not None and not _ask("hit", rate, "key", address):
            wait = _wait(rate, "key", address)
            raise TooMany(
                f"Too many keys that are none. Try again in {_in_words(wait)}.", wait
            ) from None
        raise


class Standing(NamedTuple):
    """How somebody stands with a limit: of `most` requests in `period` seconds `left` can still be made,
    until it begins anew in `reset` seconds. `over` where the last one was too many."""

    most: int
    period: int
    left: int
    reset: int
    over: bool


def count(rate: str, *key: str) -> Standing:
    """Count a request. Raises Unavailable where Redis does not answer."""
    if time.monotonic() < current_app.extensions.get("limits away until", 0):
        raise Unavailable(AWAY)  # asking would only make everybody wait
    parsed = _parsed(rate)
    try:
        over = not _ask("hit", parsed, *key)
        reset, left = _ask("get_window_stats", parsed, *key)
    except Unavailable:
        current_app.extensions["limits away until"] = time.monotonic() + AWAY_SECONDS
        raise
    wait = min(max(1, int(reset - time.time()) + 1), parsed.get_expiry())
    return Standing(parsed.amount, parsed.get_expiry(), left, wait, over)


def generous(rate: str) -> float:
    """How many requests a second a rate allows."""
    if rate == "off":
        return float("inf")
    return _parsed(rate).amount / _parsed(rate).get_expiry()


def device_cookie(email: str) -> str:
    """The value that makes this device a known one for this account."""
    return _serializer().dumps(digest(email.lower()))


def knows(email: str, device: str | None) -> bool:
    """Whether this device has signed in to the account before."""
    return bool(device) and _knows(str(device), digest(email.strip().lower()))


def _keys(email: str, address: str, device: str | None) -> list[tuple[str, ...]]:
    account = digest(email.strip().lower())
    if device and _knows(device, account):
        return [("known device", account, digest(device))]
    return [("account", account), ("address", address)]


def _knows(device: str, account: str) -> bool:
    try:
        return bool(_serializer().loads(device, max_age=DEVICE_DAYS * 86_400) == account)
    except BadSignature:
        return False


def _serializer() -> URLSafeTimedSerializer:
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.config["SECRET_KEY"]]
    return URLSafeTimedSerializer(keys, salt="device")


def _ask(what: str, rate: RateLimitItem, *key: str) -> Any:
    """Ask the counts. Raise Unavailable when Redis does not answer: what is limited is not allowed uncounted."""
    from limits.errors import StorageError

    try:
        return getattr(_limiter(), what)(rate, *key)
    except StorageError as error:
        log.error("limits: Redis does not answer: %s", error)
        raise Unavailable(AWAY) from None


def _limiter() -> FixedWindowRateLimiter:
    """Made at the first count: the library would be a tenth of the start."""
    if "limiter" not in current_app.extensions:
        from limits.storage import storage_from_string
        from limits.strategies import FixedWindowRateLimiter

        url = current_app.config["ROUNDTRIP_REDIS_URL"]
        storage = storage_from_string(url, **REDIS) if url else storage_from_string("memory://")
        current_app.extensions["limiter"] = FixedWindowRateLimiter(storage)
    limiter: FixedWindowRateLimiter = current_app.extensions["limiter"]
    return limiter


@cache
def _parsed(rate: str) -> RateLimitItem:
    from limits import parse

    return parse(rate)


def _wait(rate: RateLimitItem, *key: str) -> int:
    return max(1, int(_ask("get_window_stats", rate, *key).reset_time - time.time()) + 1)


def _rate() -> RateLimitItem | None:
    text = current_app.config["ROUNDTRIP_SIGNIN_RATE"]
    return None if text == "off" else _parsed(text)


def _in_words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
