"""Shared by the tests of serving: the drop-in that says what the app sees."""

from __future__ import annotations

from pathlib import Path

import pytest

DROP_INS = Path(__file__).parent / "drop_ins"


@pytest.fixture
def probe() -> dict[str, str]:
    """Settings of a server with the drop-in `probe` and its log as JSON."""
    return {"ROUNDTRIP_PLUGIN_DIRS": str(DROP_INS), "ROUNDTRIP_LOG_FORMAT": "json"}
