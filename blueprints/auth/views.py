"""The pages of signing in, of set-up and of one's own account."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from flask import current_app, flash, g, redirect, render_template, request, session, url_for
from flask_login import login_user, logout_user

from app import people, sessions, throttle
from app.devices import device_in_words
from app.errors import NotFound
from app.permissions import in_person, public
from blueprints.auth import bp, services
from blueprints.auth.forms import (
    ConfirmForm,
    LoginForm,
    PasswordForm,
    ProfileForm,
    ResetForm,
    SetupForm,
)


@bp.route("/login", methods=["GET", "POST"])
@public
@throttle.limited("120/minute")
def login() -> Any:
    """Sign in, and go on to where one wanted to go."""
    form = LoginForm(next=request.args.get("next", ""))
    if g.actor is not None and request.method == "GET":
        return redirect(safe_next(form.next.data))
    if form.validate_on_submit():
        with form.showing_errors():
            return _signed_in(form)
        _count_failure(form.email.data)
    waiting = not people.has_admin()
    return render_template("auth/login.html", form=form, waiting=waiting), form.status


def _signed_in(form: LoginForm) -> Any:
    actor = services.sign_in(
        form.email.data,
        form.password.data,
        request.headers.get("User-Agent", ""),
        request.remote_addr or "",
        bool(form.remember.data),
        safe_next(form.next.data),
        throttle.knows(form.email.data, _device()),
    )
    throttle.check(form.email.data, request.remote_addr or "", _device())  # others may have failed
    if g.actor is not None:
        sessions.sign_out(g.actor.session_id)
    session.clear()  # nothing of the stranger's session goes on
    session.permanent = bool(form.remember.data)
    login_user(actor)
    response = redirect(safe_next(form.next.data), 303)
    response.set_cookie(
        throttle.DEVICE_COOKIE, throttle.device_cookie(actor.email), max_age=throttle.DEVICE_DAYS * 86_400,
        httponly=True, samesite="Lax", secure=request.is_secure,
    )  # fmt: skip
    return response


def _device() -> str | None:
    return request.cookies.get(throttle.DEVICE_COOKIE)


def _count_failure(email: str) -> None:
    throttle.failed(email, request.remote_addr or "", _device())


@bp.route("/confirm", methods=["GET", "POST"])
@in_person
@throttle.limited("60/minute")
def confirm() -> Any:
    """Type one's password again, and go on to what needs that."""
    form = ConfirmForm(next=request.args.get("next", ""))
    if form.validate_on_submit():
        with form.showing_errors():
            session["_user_id"] = services.confirm(g.actor, form.password.data)
            return redirect(safe_next(form.next.data), 303)
        _count_failure(g.actor.email)
    minutes = sessions.FRESH // timedelta(minutes=1)
    return render_template("auth/confirm.html", form=form, minutes=minutes), form.status


@bp.post("/logout")
@public
def logout() -> Any:
    """End this session, on the server too."""
    if g.actor is not None:
        sessions.sign_out(g.actor.session_id)
    logout_user()
    session.clear()
    flash("You are signed out", "ok")
    return redirect(url_for("auth.login"), 303)


@bp.route("/setup", methods=["GET", "POST"])
@public
@throttle.limited("60/minute")
def setup() -> Any:
    """Make the first administrator, with the link that the start of the server printed."""
    form = SetupForm(token=request.args.get("token", ""))
    if people.has_admin() or not people.link_is_open("setup", form.token.data or ""):
        raise NotFound(
            "This link has been used, or its time is over. Starting the server again prints a new one."
        )
    if form.validate_on_submit():
        with form.showing_errors():
            services.set_up(form.token.data, form.name.data, form.email.data, form.password.data)
            return _signed_in(LoginForm())
    return render_template("auth/setup.html", form=form), form.status


@bp.route("/reset/<token>", methods=["GET", "POST"])
@public
@throttle.limited("60/minute")
def reset(token: str) -> Any:
    """Choose a password, with a link that an administrator has given."""
    if not people.link_is_open("reset", token):
        raise NotFound(
            "This link has been used, or its time is over. An administrator can give you a new one."
        )
    form = ResetForm()
    if form.validate_on_submit():
        with form.showing_errors():
            services.reset_password(token, form.password.data)
            flash("Password set. Sign in with it now", "ok")
            return redirect(url_for("auth.login"), 303)
    return render_template(
        "auth/reset.html", form=form, whose=people.person_of_link(token)
    ), form.status


@bp.route("/account", methods=["GET", "POST"])
@in_person
def account() -> Any:
    """One's own name and look, time zone and formats."""
    form = ProfileForm(obj=g.actor)
    if form.validate_on_submit():
        with form.showing_errors():
            services.update_profile(g.actor, **form.values())
            flash("Account saved", "ok")
            return redirect(url_for("auth.account"), 303)
    return _account(profile=form)


@bp.post("/account/password")
@in_person
@throttle.limited("10/minute")
def password() -> Any:
    """Choose another password; every session ends, so one signs in again with it."""
    form = PasswordForm()
    if form.validate_on_submit():
        with form.showing_errors():
            services.change_password(g.actor, form.current.data, form.password.data)
            flash("Password changed. Sign in with the new one", "ok")
            return redirect(url_for("auth.login"), 303)
        if form.current.errors:
            _count_failure(g.actor.email)
    return _account(password=form)


def _account(profile: ProfileForm | None = None, password: PasswordForm | None = None) -> Any:
    profile = profile or ProfileForm(None, obj=g.actor)
    password = password or PasswordForm(None)
    keys = url_for("api.keys") if "api.keys" in current_app.view_functions else ""
    page = render_template("auth/account.html", profile=profile, password=password, keys=keys)
    return page, max(profile.status, password.status)


@bp.get("/sessions")
@in_person
def sessions_list() -> Any:
    """Where one is signed in."""
    found = sessions.of_person(g.actor.id)
    return render_template("auth/sessions.html", sessions=found, device=device_in_words)


@bp.post("/sessions/end")
@in_person
def end_session() -> Any:
    """End one of one's own sessions, all others at once, or all."""
    if request.form.get("all"):
        sessions.end(g.actor.id)
        return logout()
    own = [one.id for one in sessions.of_person(g.actor.id)]
    wanted = request.form.get("id", type=int)
    ids = [one for one in own if (one == wanted if wanted else one != g.actor.session_id)]
    ended = sum(sessions.end(g.actor.id, one) for one in ids)
    flash(f"{ended} session{'' if ended == 1 else 's'} ended", "ok")
    return redirect(url_for("auth.sessions_list"), 303)


def safe_next(target: str | None) -> str:
    """Where to go on: a path of this app, taken apart and built anew, else home."""
    target = (target or "").strip()
    try:
        parts = urlsplit(target) if not re.search(r"[\\\x00-\x20\x7f]", target) else None
    except ValueError:  # such as //[
        parts = None
    if parts is None or parts.scheme or parts.netloc or not re.match(r"/(?!/)", parts.path):
        return url_for("home.index")
    query = "?" + quote(parts.query, safe="=&%+,;:@/?!*'()$-._~") if parts.query else ""
    return quote(parts.path, safe="/%:@!$&'()*+,;=-._~") + query
