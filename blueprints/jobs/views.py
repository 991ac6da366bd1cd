"""The pages: HTTP only."""

from __future__ import annotations

from typing import Any

from flask import flash, g, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest

from app import jobs
from app.permissions import signed_in
from blueprints.jobs import bp, services

JOB = "/<int(max=2147483647):job_id>"


@bp.get("/")
@signed_in
def index() -> Any:
    """One's jobs, those that are open first; of everybody for administrators."""
    lines, following = services.page(g.actor, _before())
    return render_template("jobs/index.html", lines=lines, following=following, told=services)


@bp.get(JOB)
@signed_in
def show(job_id: int) -> Any:
    """A job: how far it is, or what came of it."""
    return render_template("jobs/job.html", shown=services.show(g.actor, job_id), told=services)


@bp.get(f"{JOB}.json")
@signed_in
def show_json(job_id: int) -> Any:
    """The same for a program."""
    return jsonify(services.document(jobs.get(g.actor, job_id)))


@bp.post(f"{JOB}/cancel")
@signed_in
def cancel(job_id: int) -> Any:
    """Stop a job."""
    job = jobs.cancel(g.actor, job_id)
    flash("Cancelled" if job.state == "cancelled" else "It stops at its next step", "ok")
    return redirect(url_for("jobs.show", job_id=job_id), 303)


@bp.post(f"{JOB}/retry")
@signed_in
def retry(job_id: int) -> Any:
    """Run a job again."""
    jobs.retry(g.actor, job_id)
    flash("Queued again", "ok")
    return redirect(url_for("jobs.show", job_id=job_id), 303)


def _before() -> int:
    text = request.args.get("before", "0")
    if not (text.isdecimal() and text.isascii() and len(text) < 10):
        raise BadRequest(f"before is the number of a job, not “{text}”.")
    return int(text)
