"""Changing a table while it is in use.

comparing   what differs between two tables, as steps in words
examining   the dry run: what each step would do to the records that there are
planning    what a change comes to, for every column and value
columns     the SQL of columns
applying    the change itself, where it is one short transaction
making      new tables, and tables that go out of sight
declaring   a declaration that was sent as JSON, read by the rules of the designer
converting  the change as a job, where records are converted; and what is dropped for good
"""

from __future__ import annotations

from app.tables.changing import converting as _converting  # noqa: F401  its kind of job
from app.tables.changing.applying import Version, apply, open_up, restore, versions
from app.tables.changing.comparing import Step, compare, new_id
from app.tables.changing.examining import Check, Dependent, Examination, Sample, examine

__all__ = [
    "Check", "Dependent", "Examination", "Sample", "Step", "Version", "apply", "compare", "examine",
    "new_id", "open_up", "restore", "versions",
]  # fmt: skip
