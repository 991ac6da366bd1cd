"""Files to read: real ones from the folder beside the checkout, and small ones made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def data() -> Path:
    """Real data, which the repository does not hold."""
    if not DATA.is_dir():
        pytest.skip(f"there is no real data in {DATA}")
    return DATA


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Makes a file of a text or of bytes."""

    def write(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Makes a workbook of rows; a cell may be a pair of value and number format."""
    from openpyxl import Workbook

    def make(*rows: Any, name: str = "book.xlsx", change: Any = None) -> Path:
        book = Workbook()
        page = book.active
        for number, row in enumerate(rows, 1):
            for place, one in enumerate(row, 1):
                value, shown = one if isinstance(one, tuple) else (one, "General")
                page.cell(number, place, value).number_format = shown
        if change:
            change(book)
        path = tmp_path / name
        book.save(path)
        return path

    return make
