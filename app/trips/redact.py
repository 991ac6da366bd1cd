"""What is never recorded: values that may be secret are left out where they arise.

Bodies, cookies, authorization and SQL parameters are never read. Headers and query values are taken
by an allow-list, path arguments less those named like a secret; log lines and error texts pass a
deny-list as a second net.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

HEADERS = {
    "HTTP_HOST": "Host",
    "HTTP_ACCEPT": "Accept",
    "HTTP_ACCEPT_ENCODING": "Accept-Encoding",
    "HTTP_USER_AGENT": "User-Agent",
    "HTTP_IF_NONE_MATCH": "If-None-Match",
    "HTTP_IF_MATCH": "If-Match",
    "CONTENT_TYPE": "Content-Type",
    "CONTENT_LENGTH": "Content-Length",
}
"""Request headers that are kept, by their name in the WSGI environment."""

RESPONSE_HEADERS = {
    "content-type", "content-length", "content-encoding", "cache-control", "etag", "vary", "allow",
    "retry-after", "last-modified",
}  # fmt: skip

QUERY_VALUES = {
    "page",
    "per_page",
    "sort",
    "fields",
    "view",
    "format",
    "limit",
    "count",
    "month",
    "year",
}
"""Query parameters whose values are kept; of the others only the name is."""

HIDDEN = "…"

_SECRET_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|auth(?:orization)?|cookie|session|csrf\w*|signature"
    r"|credential\w*|private[_-]?key|access[_-]?key|otp|pin|cvv|iban|card[_-]?number|bearer"
)
# A name with what parts it from its value. It never goes back, so that no text can make it slow.
_BEFORE_VALUE = re.compile(r"(?i)(?<![\w-])(?:[\w-]++[\"']?\s*+[=:]\s*+|bearer\s++)")
_VALUE = re.compile(r"(?i)(?:bearer|basic)\s+\S+|\"[^\"]*\"|'[^']*'|[^\s,;&)}]+")
_NAME = re.compile(rf"(?i)(?:{_SECRET_NAMES})")
_LONG_PART = re.compile(r"(?<=/)[\w-]{24,}(?=/|$)")
_LITERAL = re.compile(r"'(?:[^']++|'')*+(?:'|$)")


def hide_secrets(text: str) -> str:
    """The text with the value after any name that sounds like a secret taken out."""
    shown, done = [], 0
    for name in _BEFORE_VALUE.finditer(text):
        if name.start() >= done and _NAME.search(name[0]):
            if value := _VALUE.match(text, name.end()):
                shown += [text[done : name.end()], HIDDEN]
                done = value.end()
    return "".join([*shown, text[done:]])


def hide_literals(statement: str) -> str:
    """An SQL statement without the texts written into it; parameters were never there."""
    return _LITERAL.sub(f"'{HIDDEN}'", statement)


def safe_query(query: str) -> str:
    """`page=2&q=…`: values only of parameters that are known to be harmless."""
    if not query:
        return ""
    pairs = parse_qsl(query[:2000], keep_blank_values=True, max_num_fields=None)
    return "&".join(f"{k[:60]}={v[:100] if k in QUERY_VALUES else HIDDEN}" for k, v in pairs[:20])


def safe_path(path: str, args: dict[str, Any] | None) -> str:
    """The path, less arguments whose name sounds like a secret (`/auth/invite/<token>`).

    Where no rule matched (`args` None) nothing has a name: long random-looking parts are left out.
    """
    if args is None:
        return _LONG_PART.sub(HIDDEN, path)[:300]
    for name, value in args.items():
        if _NAME.search(name):
            path = path.replace(str(value), HIDDEN)
    return path[:300]


def safe_headers(environ: dict[str, Any]) -> tuple[str | None, ...]:
    """The values of the request headers on the allow-list, in its order; None for those not sent."""
    values = tuple(map(environ.get, HEADERS))
    if sum(map(len, filter(None, values))) > 1000:  # many trips are kept
        values = tuple(value and value[:200] for value in values)
    return values
