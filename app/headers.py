"""Headers that make the browser cautious. Middleware sets them; error answers bring them along."""

from __future__ import annotations

import re

from flask import Response

from app.current import the_request

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_PAIRS = list(SECURITY_HEADERS.items())
_NAMES = {name.lower() for name in SECURITY_HEADERS}


def names_of(response: Response) -> set[str]:
    """The headers that are there, in lower case; looking for one that is not would raise inside Werkzeug."""
    return {name.lower() for name, _value in response.headers}


def make_safe(response: Response) -> Response:
    """Run nothing but our own files, frame and sniff nothing; a header that is there stays."""
    there = names_of(response) & _NAMES
    ours = [p for p in _PAIRS if p[0].lower() not in there] if there else _PAIRS
    response.headers._list.extend(ours)  # its methods would search each value for line ends
    if the_request().is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def uncoded(tags: str) -> str:
    """ETags as they were before compression added its name to them."""
    return re.sub(r":(gzip|br|zstd|deflate)\"", '"', tags)
