"""The pages: HTTP only."""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, g, redirect, render_template, request, url_for

from app import invites, people
from app.devices import device_in_words
from app.permissions import fresh, requires, signed_in
from blueprints.people import bp, letters, services
from blueprints.people.forms import InviteForm, RolesForm

PERSON = "/<int(max=2147483647):person_id>"


@bp.get("/")
@requires("people")
def index() -> Any:
    """Everybody, by name; search and filters are in the address."""
    wanted = services.filters(request.args.to_dict())
    listing = services.listing(g.actor, wanted)
    return render_template(
        "people/index.html", listing=listing, filters=wanted, states=services.STATES
    )


@bp.get(PERSON)
@requires("people")
@fresh
def show(person_id: int) -> Any:
    """A person: who they are, their roles, where they are signed in, and what can be done."""
    return _person(person_id)


def _person(person_id: int, form: RolesForm | None = None) -> Any:
    shown = services.show(g.actor, person_id)
    form = form or RolesForm(people.all_roles(), roles=[role.id for role in shown.roles])
    page = render_template(
        "people/person.html", shown=shown, form=form, states=services.STATES, device=device_in_words
    )
    return page, form.status


@bp.post(f"{PERSON}/roles")
@requires("people")
@fresh
def set_roles(person_id: int) -> Any:
    """Give and take roles, as the boxes say."""
    form = RolesForm(people.all_roles())
    if form.validate_on_submit():
        with form.showing_errors():
            person = people.set_roles(person_id, form.roles.data or [], g.actor)
            return _done(person_id, f"Roles of {person.name} saved")
    return _person(person_id, form)


@bp.post(f"{PERSON}/disable")
@requires("people")
def disable(person_id: int) -> Any:
    """End a person's access at once."""
    person = services.set_active(g.actor, person_id, False)
    return _done(person_id, f"{person.name} is disabled and signed out everywhere")


@bp.post(f"{PERSON}/enable")
@requires("people")
def enable(person_id: int) -> Any:
    """Let a person in again."""
    person = services.set_active(g.actor, person_id, True)
    return _done(person_id, f"{person.name} can sign in again")


@bp.post(f"{PERSON}/make-admin")
@requires("people")
@fresh
def make_admin(person_id: int) -> Any:
    """Make a person an administrator."""
    person = services.set_admin(g.actor, person_id, True)
    return _done(person_id, f"{person.name} is an administrator now")


@bp.post(f"{PERSON}/end-admin")
@requires("people")
@fresh
def end_admin(person_id: int) -> Any:
    """Make an administrator a member again."""
    person = services.set_admin(g.actor, person_id, False)
    if person_id == g.actor.id:  # who may not see the page any more
        flash("You are a member now", "ok")
        return redirect(url_for("home.index"), 303)
    return _done(person_id, f"{person.name} is a member now")


@bp.post(f"{PERSON}/end-sessions")
@requires("people")
def end_sessions(person_id: int) -> Any:
    """Sign a person out everywhere; of oneself everywhere else."""
    ended = people.end_sessions(person_id, g.actor)
    return _done(person_id, f"{ended} session{'' if ended == 1 else 's'} ended")


def _done(person_id: int, words: str) -> Any:
    flash(words, "ok")
    return redirect(url_for("people.show", person_id=person_id), 303)


# Links, shown once -----------------------------------------------------------------------------


@bp.post(f"{PERSON}/link")
@requires("people")
@fresh
def password_link(person_id: int) -> Any:
    """A link by which a person chooses a password, to copy from the page: no other ever shows it."""
    person, token = services.password_link(g.actor, person_id)
    path = url_for("auth.reset", token=token)
    return _link(person, "reset", path, letters.reset(g.actor, person, path))


@bp.route("/invite", methods=["GET", "POST"])
@requires("people")
@fresh
def invite() -> Any:
    """Invite somebody new; then the page with their link."""
    form, here = InviteForm(people.all_roles()), None
    if form.validate_on_submit():
        with form.showing_errors():
            try:
                return _invited(form)
            except people.AlreadyHere as error:
                here, form.email.errors = error, [error.detail]
    page = render_template("people/invite.html", form=form, here=here, days=invites.DAYS)
    return page, here.status if here else form.status


def _invited(form: InviteForm) -> Any:
    person, token = invites.invite(
        g.actor, form.email.data, form.name.data or "", form.roles.data, form.admin.data
    )
    path = url_for("auth.invite", token=token)
    return _link(person, "invite", path, letters.invite(g.actor, person, path))


@bp.post(f"{PERSON}/invite")
@requires("people")
@fresh
def renew(person_id: int) -> Any:
    """A new link for somebody who was invited; the old one stops working."""
    person, token = invites.renew(g.actor, person_id)
    path = url_for("auth.invite", token=token)
    return _link(person, "invite", path, letters.invite(g.actor, person, path))


@bp.post(f"{PERSON}/withdraw")
@requires("people")
def withdraw(person_id: int) -> Any:
    """Take an invite back."""
    person = invites.withdraw(g.actor, person_id)
    flash(f"The invite of {person.email} is withdrawn", "ok")
    return redirect(url_for("people.index"), 303)


def _link(person: Any, kind: str, path: str, mailed: tuple[str, str]) -> Any:
    base = current_app.config["ROUNDTRIP_PUBLIC_URL"] or request.host_url.rstrip("/")
    lasts = f"{invites.DAYS} days" if kind == "invite" else f"{people.RESET_MINUTES} minutes"
    return render_template(
        "people/link.html", whose=person, kind=kind, link=base + path, mailed=mailed, lasts=lasts
    )


# Seeing the app as somebody else ---------------------------------------------------------------


@bp.post(f"{PERSON}/see")
@requires("people")
@fresh
def see(person_id: int) -> Any:
    """Look at the app as this person sees it, without changing anything."""
    services.see_as(g.actor, person_id)
    return redirect(url_for("home.index"), 303)


@bp.post("/stop-seeing")
@signed_in
def stop_seeing() -> Any:
    """Be oneself again."""
    services.stop_seeing(g.actor)
    return redirect(url_for("home.index"), 303)


# The audit list --------------------------------------------------------------------------------


@bp.get("/events/")
@requires("people")
def events() -> Any:
    """What was done about people, roles and keys, the newest first."""
    args = request.args.to_dict()
    return render_template(
        "people/events.html", events=services.events(g.actor, args), action=args.get("action", "")
    )
