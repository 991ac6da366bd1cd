"""What `tests/tools/test_list.py` asks of a drawn table, asked of an imported and a written one."""

from tests.suites import doors
from tests.tools import conftest, test_list

globals().update(doors.shared(conftest, test_list))
