"""What `tests/api` asks of a drawn table, asked of an imported and a written one."""

import pytest

from tests.suites import doors

pytest.importorskip("blueprints.api", reason="the API has been deleted")
from tests.api import conftest, test_reading, test_writing

globals().update(doors.shared(conftest, test_reading, test_writing))

pytestmark = pytest.mark.parametrize("on_each_database", ["sqlite"], indirect=True)
"""The drawn one is asked on both databases."""
