"""/jobs/: work behind a request, where it is, and what came of it.

Any kind of job has a page here. What a job made is told by its result: one with a table in it gets a
link to the table, the counts and the rows that were left out.
"""

from flask import Blueprint

from app.pages import Nav

bp = Blueprint("jobs", __name__, url_prefix="/jobs", cli_group="job")

NAV = [Nav("Workspace", "Jobs", "jobs.index")]

from blueprints.jobs import commands, views  # noqa: E402, F401
