"""The pages: HTTP only. Each function reads what was asked, calls one service and answers."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import current_app, flash, g, redirect, render_template, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge

from app.errors import Conflict, Invalid, wants_json
from app.models import Job
from app.pages import flash_undo
from app.permissions import requires, signed_in
from app.tables import catalog, changing
from app.tables.changing import Examination, making
from app.tables.live import Live
from app.tables.table import ACCESS, Table
from blueprints.studio import bp, drawing, forms, services, sheets, uploads
from blueprints.studio.drawing import Drawing
from blueprints.studio.forms import UploadForm

TABLE = "/<tool>/<table>/"
UPLOAD = "/import/<token>"
FIRST_ROWS = 5


@bp.get("/")
@signed_in
def index() -> Any:
    """What can be made here, and what one has made."""
    tables, deleted = services.mine(g.actor)
    return _upload_page("studio/index.html", UploadForm(), tables=tables, deleted=deleted)


# Import ----------------------------------------------------------------------------------------


@bp.route("/import", methods=["GET", "POST"])
@requires("import")
def import_file() -> Any:
    """Choose a file; it is kept once something was found in it."""
    form = UploadForm()
    if form.validate_on_submit():
        with form.showing_errors():
            upload = _keep(form)
            return redirect(url_for("studio.sheet", token=upload.token), 303)
    return _upload_page("studio/upload.html", form)


def _keep(form: UploadForm) -> uploads.Upload:
    sent = form.file.data
    if not sent or not sent.filename:
        raise Invalid("", [("file", "Choose a file")])
    try:
        return uploads.keep(g.actor, sent.stream, sent.filename)
    except Invalid as error:
        raise Invalid("", [("file", str(error))]) from None


def _upload_page(template: str, form: UploadForm, **more: Any) -> Any:
    limit = current_app.config["ROUNDTRIP_MAX_UPLOAD_MB"]
    return render_template(template, form=form, limit=limit, **more), form.status


@bp.errorhandler(RequestEntityTooLarge)
def too_large(error: RequestEntityTooLarge) -> Any:
    """Say so where the file is chosen."""
    if request.endpoint != "studio.import_file" or wants_json():
        return error
    form = UploadForm(None)
    form.file.errors = [
        f"The file is larger than the {current_app.config['ROUNDTRIP_MAX_UPLOAD_MB']:,} MB that fit"
    ]
    return _upload_page("studio/upload.html", form)[0], 413


@bp.get(UPLOAD)
@requires("import")
def sheet(token: str) -> Any:
    """What was found, as a form that can be sent as it is."""
    upload = uploads.find(g.actor, token)
    reading, errors = uploads.AS_FOUND, []
    try:
        reading = forms.reading(request.args)
        found = uploads.look(upload, reading)
    except Invalid as error:
        reading, errors = uploads.AS_FOUND, [("header", str(error))]
        found = uploads.look(upload)
    said = sheets.Draft.proposed(found, _name(upload, found))
    return _sheet_page(upload, found, reading, said, errors=errors)


@bp.post(UPLOAD)
@requires("import")
def import_sheet(token: str) -> Any:
    """Start the import; or look again, where an answer changes how the file is read."""
    upload = uploads.find(g.actor, token)
    now = forms.reading(request.form)
    found = uploads.look(upload, now)
    said = forms.draft(found, _name(upload, found), request.form)
    asked = forms.answered(found, said, now)
    if asked != now:
        values: dict[str, Any] = forms.address(asked)
        return redirect(url_for("studio.sheet", token=token, **values), 303)
    plan, changed = sheets.planned(upload, found, said)
    try:
        job = services.start(g.actor, upload, found, said, plan, changed)
    except Invalid as error:
        return _sheet_page(upload, found, now, said, plan, errors=error.errors, refused=error)
    return redirect(url_for("jobs.show", job_id=job.id), 303)


def _name(upload: uploads.Upload, found: uploads.Found) -> str:
    return services.free_label(g.actor, sheets.name_of(upload, found))


def _sheet_page(
    upload: uploads.Upload, found: uploads.Found, reading: uploads.Reading, said: sheets.Draft,
    plan: Any = None, errors: Any = (), refused: Any = None,
) -> Any:  # fmt: skip
    plan = plan or found.plan
    if said.title is None:
        said.title = services.title_of(plan)
    checked = getattr(refused, "problems", None)
    page = {
        "upload": upload, "found": found, "plan": plan, "draft": said, "errors": errors,
        "reading": forms.address(reading), "problems": checked.listed if checked else found.problems,
        "problem_count": checked.count if checked else found.problem_count, "access": ACCESS,
        "rows": sheets.preview(found, plan), "types": sheets.type_words(), "forms": forms,
        "type_label": sheets.type_label, "keys": sheets.keys(found),
    }  # fmt: skip
    return render_template("studio/sheet.html", **page), 422 if errors else 200


@bp.post("/import/<int(max=2147483647):job_id>/undo")
@requires("import")
def undo_import(job_id: int) -> Any:
    """Take back an import that has made a table: the table is deleted, and can be restored."""
    gone = services.undo_import(g.actor, job_id)
    flash_undo(f"Import undone: {gone.label} is deleted", _restore_url(gone))
    return redirect(url_for("studio.index"), 303)


# Draw ------------------------------------------------------------------------------------------


@bp.get("/new")
@requires("create")
def new() -> Any:
    """An empty sheet to draw a table on."""
    return _design_page(drawing.empty(FIRST_ROWS))


@bp.post("/new")
@requires("create")
def draw() -> Any:
    """Make the table that was drawn; or show it again with one field more, less or elsewhere."""
    drawn = forms.drawing(request.form)
    if forms.is_step(request.form):
        return _design_page(drawn)
    try:
        made = services.draw(g.actor, drawn)
    except Invalid as error:
        return _design_page(drawn, errors=error.errors), error.status
    flash(f"{made.label} is there: add its first record, or change its fields in settings", "ok")
    return redirect(url_for("tools.list_records", tool=made.tool, table=made.name), 303)


def _design_page(drawn: Drawing, table: Table | None = None, **more: Any) -> Any:
    sketch, _errors = drawing.declared(drawn, table or drawing.NOTHING)
    page = {
        "table": table, "drawing": drawn, "sketch": sketch, "inputs": forms.preview(sketch),
        "example": drawing.example, "settings_of": partial(forms.settings_of, g.actor), "new_id": drawing.new_id(),
        "types": drawing.kinds(drawn), "sorts": drawing.sorts(drawn),
        "access": ACCESS if services.may_share(g.actor, table) else {},
        "tools": services.open_tools(g.actor),
        "steps": changing.compare(table, sketch) if table else (), "sent": request.form,
        "version": forms.version(request.form) or sketch.version, "examined": None, "errors": [],
        "in_code": services.source(catalog.by_id(table.id)) if table else "",
    }  # fmt: skip
    return render_template("studio/design.html", **page | more)


# Change ----------------------------------------------------------------------------------------


@bp.get(TABLE)
@signed_in
def settings(tool: str, table: str) -> Any:
    """A table as it is drawn."""
    live = services.table(g.actor, tool, table)
    return _design_page(drawing.of_table(live.table), live.table)


@bp.post(TABLE)
@signed_in
def change(tool: str, table: str) -> Any:
    """Change a table, or show what would happen, or the form with one field more, less or elsewhere."""
    live = services.table(g.actor, tool, table)
    drawn = services.of_sharer(g.actor, live, forms.drawing(request.form))
    if forms.is_step(request.form):
        return _design_page(drawn, live.table)
    drawn = services.proposed(g.actor, live, drawn)
    try:
        done = _changed(live, drawn)
    except Invalid as error:
        examined = _examined(live, drawn)
        page = _design_page(drawn, live.table, errors=error.errors, examined=examined)
        return page, error.status
    except Conflict as error:
        newer = services.table(g.actor, tool, table).table
        both = drawing.with_new_fields(drawn, newer)
        page = _design_page(both, newer, conflict=error.detail, version=newer.version)
        return page, error.status
    if isinstance(done, Examination):
        return _design_page(drawn, live.table, examined=done)
    if isinstance(done, Job):
        return redirect(url_for("jobs.show", job_id=done.id), 303)
    flash(f"{done.label} saved", "ok")
    return redirect(url_for("studio.settings", tool=tool, table=table), 303)


def _examined(live: Live, drawn: Drawing) -> Examination | None:
    """What would happen, where that can be told and was on the page already."""
    try:
        return services.examine(g.actor, live, drawn) if "seen" in request.form else None
    except Invalid:
        return None


def _changed(live: Live, drawn: Drawing) -> Table | Job | Examination:
    if "review" in request.form:
        return services.examine(g.actor, live, drawn)
    sent = request.form
    choices, seen = forms.choices(sent), sent.getlist("seen")
    return services.change(g.actor, live, drawn, forms.version(sent), choices, seen)


@bp.get(f"{TABLE}versions")
@signed_in
def versions(tool: str, table: str) -> Any:
    """How a table was declared, and what two of its versions differ in."""
    live = services.table(g.actor, tool, table)
    found = changing.versions(g.actor, live)
    old = forms.below(request.args.get("old", "1"), len(found))
    new = forms.below(request.args.get("new", "0"), len(found))
    steps: Any = ()
    if old is not None and new is not None:
        steps = changing.compare(found[old].table, found[new].table)
    page = {"table": live.table, "versions": found, "old": old, "new": new, "steps": steps}
    return render_template("studio/versions.html", **page)


@bp.post(f"{TABLE}fields/<field_id>/restore")
@signed_in
def restore_field(tool: str, table: str, field_id: str) -> Any:
    """Bring back a field that was dropped."""
    live = services.table(g.actor, tool, table)
    back = changing.restore(g.actor, live, field_id)
    flash(f"{back.fields[-1].label} restored", "ok")
    return redirect(url_for("studio.settings", tool=tool, table=table), 303)


# Delete and restore ----------------------------------------------------------------------------


@bp.get(f"{TABLE}delete")
@signed_in
def confirm_delete(tool: str, table: str) -> Any:
    """What goes, before it goes."""
    live, losses = services.losses(g.actor, tool, table)
    return render_template("studio/delete.html", table=live.table, losses=losses, errors=[])


@bp.post(f"{TABLE}delete")
@signed_in
def delete(tool: str, table: str) -> Any:
    """Delete a table whose name was typed."""
    live, losses = services.losses(g.actor, tool, table)
    label = live.table.label
    if forms.line(request.form.get("confirm", "")) != label:
        errors = [f"Type {label} to delete it"]
        page = {"table": live.table, "losses": losses, "errors": errors}
        return render_template("studio/delete.html", **page), 422
    gone = making.delete(g.actor, tool, table)
    flash_undo(f"{label} deleted", _restore_url(gone))
    return redirect(url_for("studio.index"), 303)


@bp.post("/deleted/<int(max=2147483647):table_id>/restore")
@signed_in
def restore(table_id: int) -> Any:
    """Bring a deleted table back."""
    back = services.restore(g.actor, table_id)
    flash(f"{back.label} restored", "ok")
    return redirect(url_for("tools.list_records", tool=back.tool, table=back.name), 303)


def _restore_url(table: Table) -> str:
    return url_for("studio.restore", table_id=table.id)
