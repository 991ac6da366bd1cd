"""The nine stages of a request, and what of a trip belongs to which. Names and numbers, used everywhere."""

from __future__ import annotations

STAGES = (
    "client",
    "wsgi",
    "request_middleware",
    "url",
    "view",
    "database",
    "template",
    "response_middleware",
    "response",
)
TITLES = (
    "Client request",
    "WSGI",
    "Request middleware",
    "URL resolution",
    "View",
    "Model and database",
    "Template",
    "Response middleware",
    "Response",
)
CLIENT, WSGI, BEFORE, URL, VIEW, DATABASE, TEMPLATE, AFTER, RESPONSE = range(9)

# Kinds of spans, and the stage each belongs to; None: the stage it runs in.
KINDS: dict[str, int | None] = {
    "layer": WSGI,
    "session open": BEFORE,
    "before": BEFORE,
    "match": URL,
    "view": VIEW,
    "step": None,
    "query": DATABASE,
    "transaction": DATABASE,
    "template": TEMPLATE,
    "context": TEMPLATE,
    "after": AFTER,
    "error handler": AFTER,
    "session save": AFTER,
    "teardown": AFTER,
    "send": RESPONSE,
}

SHOWN_BY_SPANS = (URL, DATABASE, TEMPLATE)
"""Stages without a phase of their own: they lie inside others."""

ALWAYS = {
    "layer", "session open", "before", "match", "view", "after", "error handler", "session save", "teardown",
}  # fmt: skip
"""Kinds of which a request has as many as the app has functions: recorded also over the limit."""
