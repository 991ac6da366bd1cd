"""Everything in this folder is asked of the doors that `tests/tables` and `tests/tools` leave out."""

from __future__ import annotations

import pytest

from tests.suites import doors


@pytest.fixture(params=doors.OTHERS)
def door(request: pytest.FixtureRequest) -> str:
    """How the table of a test comes in."""
    return str(request.param)
