"""The pages of roles and rights: what roles give, who may use a table, and why. HTTP only."""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, g, redirect, render_template, request, url_for

from app import roles
from app.errors import AppError, Conflict, Invalid
from app.people import all_roles
from app.permissions import ACTIONS, OPENED, may_give, requires, signed_in
from app.tables import catalog, changing
from app.tables.live import Live
from blueprints.people import bp, explaining, granting, grid

ROLE = "/roles/<int(max=2147483647):role_id>"
LINE = f"{ROLE}/grants/<int(max=1000):number>"
TABLE = "/tables/<tool>/<table>/"


@bp.context_processor
def has_manual() -> dict[str, Any]:
    """Whether there is a manual that pages can lead to."""
    return {"docs": "docs.show" in current_app.view_functions}


# Roles -----------------------------------------------------------------------------------------


@bp.get("/roles/")
@requires("people")
def roles_index() -> Any:
    """The roles: how many people have each, and what each gives."""
    found = all_roles()
    return render_template("people/roles.html", roles=found, sizes=roles.sizes(), gives=grid.gives)


@bp.route("/roles/new", methods=["GET", "POST"])
@requires("people")
def new_role() -> Any:
    """A new role, which gives nothing to tables yet."""
    form = grid.NewRoleForm()
    if form.validate_on_submit():
        try:
            made = roles.create(
                g.actor, form.name.data, form.description.data or "", form.rights.data
            )
            flash(f"Role {made.name} is there: say what it gives", "ok")
            return redirect(url_for("people.role", role_id=made.id), 303)
        except Invalid as error:
            form.refuse(error)
    return render_template("people/role_new.html", form=form), form.status


@bp.route(ROLE, methods=["GET", "POST"])
@requires("people")
def role(role_id: int) -> Any:
    """A role: its name, who has it, and the grid of what it gives."""
    found = roles.get(role_id)
    form = grid.RoleForm(obj=found)
    rows = grid.groups(found)
    if not form.is_submitted():
        return _role_page(found, form, rows)
    rows = grid.read(rows, request.form)
    if not form.validate() or grid.errors(rows):
        return _role_page(found, form, rows, 422)
    return _save_role(role_id, form, rows)


def _save_role(role_id: int, form: grid.RoleForm, rows: list[grid.Group]) -> Any:
    name, description, rights = form.name.data, form.description.data or "", form.rights.data
    rate = form.api_rate.data if "api_rate" in request.form else None
    try:
        roles.change(
            g.actor, role_id, form.seen, name, description, rights, grid.granted(rows), rate
        )
    except Invalid as error:
        form.refuse(error)
        return _role_page(roles.get(role_id), form, rows, error.status)
    except Conflict as error:
        return _role_conflict(role_id, form, error)
    flash(f"Role {name.strip()} saved", "ok")
    return redirect(url_for("people.role", role_id=role_id), 303)


def _role_conflict(role_id: int, form: grid.RoleForm, error: Conflict) -> Any:
    """What was typed, over the role as it is by now: saving again makes it so."""
    now = roles.get(role_id)
    form.version.data = str(now.version)
    rows = grid.read(grid.groups(now), request.form)
    return _role_page(now, form, rows, error.status, conflict=error.detail)


def _role_page(
    found: Any, form: grid.RoleForm, rows: list[grid.Group], status: int = 200, conflict: str = ""
) -> Any:
    page = {
        "role": found, "form": form, "groups": rows, "errors": grid.errors(rows), "conflict": conflict,
        "people": roles.people_with(found.id), "actions": ACTIONS, "presets": grid.PRESETS,
        "api": "api" in current_app.blueprints,
    }  # fmt: skip
    return render_template("people/role.html", **page), status


@bp.post(f"{ROLE}/copy")
@requires("people")
def copy_role(role_id: int) -> Any:
    """Another role that gives the same."""
    made = roles.copy(g.actor, role_id)
    flash(f"Role {made.name} is there, and nobody has it yet", "ok")
    return redirect(url_for("people.role", role_id=made.id), 303)


@bp.post(f"{ROLE}/delete")
@requires("people")
def delete_role(role_id: int) -> Any:
    """Delete a role that nobody has."""
    name = roles.get(role_id).name
    roles.delete(g.actor, role_id)
    flash(f"Role {name} deleted", "ok")
    return redirect(url_for("people.roles_index"), 303)


# One line of a role ----------------------------------------------------------------------------


@bp.route(f"{ROLE}/grants/new", methods=["GET", "POST"])
@requires("people")
def new_grant(role_id: int) -> Any:
    """A new line of a role, for one table."""
    tool, _, name = request.args.get("table", "").partition("/")
    return _grant(granting.new(roles.get(role_id), catalog.get(g.actor, tool, name).whole))


@bp.route(LINE, methods=["GET", "POST"])
@requires("people")
def grant(role_id: int, number: int) -> Any:
    """A line of a role: what it gives, for which records, and which fields."""
    return _grant(granting.line(roles.get(role_id), number))


def _grant(line: granting.Line) -> Any:
    if request.method == "GET":
        return _grant_page(line, granting.look(line))
    line = line.read(request.form)
    try:
        if warned := granting.save(g.actor, line, request.form):
            return _grant_page(line, warned)
    except Invalid as error:
        return _grant_page(line, granting.Look(), error)
    flash(f"{line.live.table.label} saved", "ok")
    return redirect(url_for("people.role", role_id=line.role.id), 303)


def _grant_page(line: granting.Line, look: granting.Look, error: Invalid | None = None) -> Any:
    errors = (error.errors or [("", str(error))]) if error else []
    page = {
        "line": line, "look": look, "errors": errors, "actions": ACTIONS, "shows": grid.SHOWS,
        "shown": grid.shown, "examples": grid.examples(line.live),
    }  # fmt: skip
    return render_template("people/grant.html", **page), error.status if error else 200


@bp.post(f"{LINE}/remove")
@requires("people")
def remove_grant(role_id: int, number: int) -> Any:
    """Take a line out of a role."""
    line = granting.line(roles.get(role_id), number)
    granting.remove(g.actor, line, request.form)
    flash(f"A line of {line.live.table.label} removed", "ok")
    return redirect(url_for("people.role", role_id=role_id), 303)


# Who may use a table ---------------------------------------------------------------------------


@bp.get(TABLE)
@signed_in
def sharing(tool: str, table: str) -> Any:
    """Who may use a table: everybody, roles, and the people who may by now."""
    live = _shared(tool, table)
    people, more = explaining.users(g.actor, live)
    page = {
        "live": live, "table": live.whole.table, "shares": explaining.shares(g.actor, live),
        "users": people, "more": more, "mine": may_give(g.actor, live.whole.table), "actions": ACTIONS,
        "opened": OPENED, "accesses": granting.ACCESS,
    }  # fmt: skip
    return render_template("people/sharing.html", **page)


@bp.post(f"{TABLE}access")
@signed_in
def set_access(tool: str, table: str) -> Any:
    """Say what everybody may do with a table."""
    live, version = _shared(tool, table), granting.version(request.form.get("version", ""))
    changing.open_up(g.actor, live.whole, version, request.form.get("access", ""))
    return _shared_saved(live)


@bp.post(TABLE)
@signed_in
def share(tool: str, table: str) -> Any:
    """Say what roles may do with all records of a table."""
    live = _shared(tool, table)
    roles.share_all(g.actor, live, granting.shares(request.form))
    return _shared_saved(live)


def _shared(tool: str, table: str) -> Live:
    return catalog.get(g.actor, tool, table, "share")


def _shared_saved(live: Live) -> Any:
    table = live.table
    flash(f"Who may use {table.label} saved", "ok")
    try:  # whoever has just taken it from themselves sees the page no more
        catalog.forget()
        _shared(table.tool, table.name)
    except AppError:
        return redirect(url_for("home.index"), 303)
    return redirect(url_for("people.sharing", tool=table.tool, table=table.name), 303)


# Why -------------------------------------------------------------------------------------------


@bp.get("/why")
@signed_in
def why() -> Any:
    """Why somebody may do something with a table or a record, or may not."""
    asked = explaining.question(g.actor, request.args.to_dict())
    page = {
        "asked": asked, "answer": explaining.answer(g.actor, asked), "actions": ACTIONS,
        "people": explaining.askable(g.actor), "tables": explaining.tables_open_to(g.actor),
    }  # fmt: skip
    return render_template("people/why.html", **page)
