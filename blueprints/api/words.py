"""The words behind the question mark of an address: those that are described, and no others."""

from __future__ import annotations

from flask import g, request

from app.errors import BadAddress
from app.tables import catalog
from blueprints.api import bp, describing


@bp.before_request
def known_words() -> None:
    """Blocks an address with a word that it does not take, as it would be ignored. (Lists look themselves.)"""
    if not request.query_string:
        return
    method = "get" if request.method == "HEAD" else request.method.lower()
    taken = describing.words(request.endpoint or "", method)
    if taken is not None and (unknown := [one for one in request.args if one not in taken]):
        place = request.view_args or {}
        if "table" in place:
            catalog.get(g.actor, place["tool"], place["table"])  # first what one may not see
        what = ", ".join(taken) or "no words"
        words = f"“{unknown[0][:60]}” is not taken here; this address takes {what}"
        raise BadAddress(f"{words}.", [(unknown[0][:60], words)])
