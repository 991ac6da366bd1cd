"""The pages of one's keys: for the person in their own session, who has typed the password just now."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, url_for

from app import tokens
from app.pages import flash_undo
from app.permissions import fresh, in_person
from app.throttle import limited
from blueprints.api import bp, forms
from blueprints.api import keys as services
from blueprints.api.forms import KeyForm


@bp.get("/tokens")
@in_person
@fresh
def keys() -> Any:
    """One's keys."""
    found = services.of_actor(g.actor)
    working = sum(not one.expired for one in found)
    page = {"keys": found, "working": working, "most": tokens.MOST, "scopes": forms.SCOPES}
    return render_template("api/tokens.html", **page)


@bp.route("/tokens/new", methods=["GET", "POST"])
@in_person
@fresh
@limited("60/minute")
def new_key() -> Any:
    """Make a key; then the page that shows it, which no other ever does."""
    form = KeyForm(g.actor, services.offered(g.actor))
    if form.validate_on_submit():
        with form.showing_errors():
            return _made(form)
    return render_template("api/tokens_new.html", form=form), form.status


def _made(form: KeyForm) -> Any:
    days = int(form.days.data) if form.days.data else None
    key, text = services.make(
        g.actor, form.name.data, form.scope.data, form.tables.data or (), days
    )
    tables = services.in_words(key, services.offered(g.actor))
    page = {"key": key, "text": text, "tables": tables, "scopes": forms.SCOPES}
    return render_template("api/tokens_made.html", **page)


@bp.post("/tokens/<int(max=2147483647):key_id>/revoke")
@in_person
@fresh
def revoke_key(key_id: int) -> Any:
    """End a key; one's own can be brought back for a day."""
    ended = tokens.revoke(g.actor, key_id)
    if ended.revoked_at:
        flash_undo(f"{ended.name} revoked: it opens nothing any more", _undo_url(key_id))
    else:
        flash(f"{ended.name} revoked for good: it opens nothing any more", "ok")
    return redirect(url_for("api.keys"), 303)


def _undo_url(key_id: int) -> str:
    return url_for("api.undo_revoke", key_id=key_id)


@bp.post("/tokens/<int(max=2147483647):key_id>/undo")
@in_person
@fresh
def undo_revoke(key_id: int) -> Any:
    """Let a key that one has revoked open again what it did."""
    back = tokens.undo_revoke(g.actor, key_id)
    flash(f"Undone: {back.name} opens again what it did", "ok")
    return redirect(url_for("api.keys"), 303)
