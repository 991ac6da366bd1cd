"""What `tests/tables/test_listing.py` asks of a drawn table, asked of an imported and a written one."""

from tests.suites import doors
from tests.tables import conftest, test_listing

globals().update(doors.shared(conftest, test_listing))
