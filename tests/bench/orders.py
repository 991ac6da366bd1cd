"""Orders, made up: as many rows as are wanted, eleven columns, the same ones for the same number.

python tests/bench/orders.py 100000 orders.csv
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

HEADINGS = (
    "Ref", "Customer", "Email", "City", "Product", "Quantity", "Unit price", "Status", "Ordered on",
    "Shipped at", "Paid",
)  # fmt: skip
FIRST = "Kira Bruno Nils Sami Rosa Liam Chen Dara Yara Uma Olga Xavi Elif Mona Ivo Ada".split()
LAST = "Eriksen Rossi Berger Meyer Dietz Kovac Tanaka Silva Costa Huber Novak Okafor".split()
CITIES = "Cork Berlin Lyon Gdansk Vienna Brno Bilbao Turin Porto Utrecht Ghent Malmo".split()
PRODUCTS = ["Oak desk 160", "Oak desk 180", "Stool", "Whiteboard", "Filing cabinet", "Monitor arm"]
STATUSES = "paid packed shipped delivered returned".split()


def rows(count: int) -> Iterator[tuple[str, ...]]:
    """The rows, as texts."""
    chance = random.Random(7)
    for number in range(count):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        ordered = date(2026, 1, 1) + timedelta(days=chance.randrange(300))
        shipped = datetime(2026, 1, 1) + timedelta(minutes=chance.randrange(432_000))
        yield (
            f"SO-{number + 20_000:06}", f"{first} {last}", f"{first}.{last}{number}@example.com".lower(),
            chance.choice(CITIES), chance.choice(PRODUCTS), str(chance.randrange(1, 12)),
            f"{chance.randrange(100, 99_999) / 100:.2f}", chance.choice(STATUSES), ordered.isoformat(),
            "" if chance.random() < 0.2 else f"{shipped:%Y-%m-%dT%H:%M:%S}Z",
            chance.choice(("true", "false")),
        )  # fmt: skip


def write(count: int, path: Path) -> Path:
    """A CSV file of them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        writer.writerows(rows(count))
    return path


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
