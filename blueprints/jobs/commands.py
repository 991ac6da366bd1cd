"""`flask job …`: jobs, from the command line of the machine."""

from __future__ import annotations

import json

import click

from app import jobs
from app.models import Job
from app.permissions import SYSTEM
from blueprints.jobs import bp, services

as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@bp.cli.command("list")
@as_json
def list_jobs(as_json: bool) -> None:
    """List the newest jobs, those that are open first."""
    lines, _following = services.page(SYSTEM)
    if as_json:
        _print([services.document(line.job) for line in lines])
        return
    for job, who in lines:
        click.echo(f"{job.id}\t{job.state}\t{job.done:,} of {job.total:,}\t{who}\t{job.title}")


@bp.cli.command("show")
@click.argument("job_id", metavar="ID", type=int)
@as_json
def show(job_id: int, as_json: bool) -> None:
    """Show one job."""
    shown = services.show(SYSTEM, job_id)
    job = shown.job
    if as_json:
        _print(services.document(job))
        return
    click.echo(f"{job.id}: {job.title}\n{job.state}, {job.done:,} of {job.total:,}, {shown.who}")
    for text in (job.message, *(f"{count:,} {words}" for count, words in shown.counts)):
        if text:
            click.echo(text)
    for line, column, value, reason in shown.problems:
        click.echo(f"line {line:,}{', ' if column else ''}{column}: “{value}” {reason}")


@bp.cli.command("cancel")
@click.argument("job_id", metavar="ID", type=int)
@as_json
def cancel(job_id: int, as_json: bool) -> None:
    """Stop a job: at once where it waits, at its next step where it runs."""
    _told(jobs.cancel(SYSTEM, job_id), "is cancelled or stops at its next step", as_json)


@bp.cli.command("retry")
@click.argument("job_id", metavar="ID", type=int)
@as_json
def retry(job_id: int, as_json: bool) -> None:
    """Queue a job again that has failed or was cancelled."""
    _told(jobs.retry(SYSTEM, job_id), "is queued again", as_json)


def _told(job: Job, words: str, as_json: bool) -> None:
    if as_json:
        _print(services.document(job))
    else:
        click.echo(f"Job {job.id} {words}.")


def _print(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))
