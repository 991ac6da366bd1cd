"""Pages of other sites that may use the API, where the setting CORS names them: with a key, never with the
cookie of a session.

A browser asks first, without a key, by the method OPTIONS. So every address of the API answers that.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, request
from flask.globals import request_ctx

from app.permissions import public

V1 = "/v1/"
ASKED = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key"
TOLD = (
    "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, Idempotent-Replayed, "
    "Content-Disposition, X-Trip-Id"
)
SECONDS = "600"


class Asking(Blueprint):
    """A blueprint whose addresses under `/v1/` answer OPTIONS by `options`, which is open to everybody:
    Flask's own answer to it would need the right of the address."""

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None,
        provide_automatic_options: bool | None = None, **options: Any,
    ) -> None:  # fmt: skip
        """As Flask's, with a second rule for OPTIONS."""
        if not rule.startswith(V1):
            super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)
            return
        super().add_url_rule(rule, endpoint, view_func, False, **options)
        if rule not in self.__dict__.setdefault("asked", set()):
            self.__dict__["asked"].add(rule)
            super().add_url_rule(rule, "options", options_of, False, methods=["OPTIONS"])


@public
def options_of(**_values: Any) -> Response:
    """Which methods an address takes; to a page of a site that is named, that it may ask."""
    methods = ", ".join(sorted(request_ctx.url_adapter.allowed_methods()))  # type: ignore[union-attr]
    answer = Response(status=204, headers={"Allow": methods})
    del answer.headers["Content-Type"]
    if _is_named() and "Access-Control-Request-Method" in request.headers:
        answer.headers["Access-Control-Allow-Methods"] = methods
        answer.headers["Access-Control-Allow-Headers"] = ASKED
        answer.headers["Access-Control-Max-Age"] = SECONDS
    return answer


def cross_origin(response: Response) -> Response:
    """Tells the browser whether the page of another site may read the answer: only where it is named."""
    if current_app.config["ROUNDTRIP_CORS"] and request.path.startswith("/api/v1/"):
        response.vary.add("Origin")
        if _is_named():
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = TOLD
    return response


def _is_named() -> bool:
    return request.headers.get("Origin", "") in current_app.config["ROUNDTRIP_CORS"]
