"""/api/: every table over HTTP, by the same services as the pages: the same rights, rules and history.

views      addresses of tables and records: HTTP only
bodies     JSON that was sent, into values; strict, and in words that name the cure
documents  records, changes and lists as JSON
services   what one request asks of several records: batch, upsert, nested records, replies kept
schemas    JSON Schema of records
describing OpenAPI, made of the addresses and of what the asker may see
pages      what the pages for people say; `samples` is the code on them
description the addresses of all these
tokens     keys: pages and `flask token`
"""

from flask import Blueprint

from app.pages import Nav

bp = Blueprint("api", __name__, url_prefix="/api", cli_group="token")

NAV = [Nav("Workspace", "API", "api.docs")]

from blueprints.api import description, views  # noqa: E402, F401
