"""/api/: every table over HTTP, by the same services as the pages: the same rights, rules and history.

views      addresses of tables and records: HTTP only
bodies     JSON that was sent, into values; strict, and in words that name the cure
documents  records, changes and lists as JSON
services   what one request asks of several records: batch, upsert, nested records, replies kept
schemas    JSON Schema of records
describing OpenAPI, made of the addresses and of what the asker may see
pages      what the pages for people say; `samples` is the code on them
description the addresses of all these
tokens     the pages of one's keys; forms has what one types there
keys       which tables keys can be for, and how one is made
commands   `flask token`
definitions tables themselves
limits     how often: hooks for these addresses alone
words      what an address may ask for: a hook
cors       pages of other sites that may use it
"""

from app.pages import Nav
from blueprints.api.cors import Asking, cross_origin

bp = Asking("api", __name__, url_prefix="/api", cli_group="token")
bp.after_request(cross_origin)

NAV = [Nav("Workspace", "API", "api.docs")]

from blueprints.api import commands, definitions, description, limits, tokens, views, words  # noqa: E402, F401
