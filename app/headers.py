"""Headers that make the browser cautious. Middleware sets them; error answers bring them along."""

from __future__ import annotations

from flask import Response, request

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

_PAIRS = [(name.lower(), (name, value)) for name, value in SECURITY_HEADERS.items()]


def make_safe(response: Response) -> Response:
    """Run nothing but our own files, frame and sniff nothing; a header that is there stays."""
    present = {name.lower() for name, _ in response.headers}
    response.headers.extend([pair for key, pair in _PAIRS if key not in present])
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
