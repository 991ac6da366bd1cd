"""Field names: made once from a heading, and then the same in SQL, Python, forms, API and addresses."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection
from functools import cache

from app.fields.text import words_of

LONGEST = 40
LONGEST_OF_TABLE = 30
"""Of a tool and of a table: both make one name of SQL, and PostgreSQL has room for 63 letters."""
OURS = (
    "id version q sort page per_page fields view limit count format created_at updated_at "
    "sa so db dt str int bool metadata registry query query_class csrf_token self live"
).split()
"""What addresses and the API use, and what the module of a model has already."""
LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L",
     "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "ı": "i", "№": "no", "#": " no ", "%": " percent "}
)  # fmt: skip


@cache
def reserved() -> frozenset[str]:
    """Names that mean something already: ours, and the keywords of Python and of both databases."""
    from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS
    from sqlalchemy.dialects.sqlite.base import SQLiteIdentifierPreparer

    words = {*OURS, *map(str.lower, keyword.kwlist), *RESERVED_WORDS}
    return frozenset(words | set(SQLiteIdentifierPreparer.reserved_words))


def field_name(
    heading: str, taken: Collection[str] = (), otherwise: str = "column", longest: int = LONGEST
) -> str:
    """ASCII snake_case of at most 40 characters, not reserved and not among those that are taken.

    `otherwise` is for a heading without a letter or digit of ASCII, and goes before a leading digit.
    """
    name = _ascii(heading) or otherwise
    name = name if name[0].isalpha() else f"{otherwise.split('_')[0]}_{name}"
    name = name[: longest - 1].strip("_")
    name = f"{name}_" if name in reserved() else name
    return _distinct(name, taken, longest)


def table_name(label: str, taken: Collection[str] = (), otherwise: str = "table") -> str:
    """The same for a table or a tool."""
    return field_name(label, taken, otherwise, LONGEST_OF_TABLE)


def is_table_name(name: str) -> bool:
    """Whether a table or a tool can be called so."""
    return _is_plain(name, LONGEST_OF_TABLE)


def is_field_name(name: str) -> bool:
    """Whether a field can be called so."""
    return _is_plain(name, LONGEST) and name not in reserved()


def _is_plain(name: str, longest: int) -> bool:
    plain = re.fullmatch("[a-z][a-z0-9]*(?:_[a-z0-9]+)*_?", name)
    return plain is not None and len(name) <= longest


def bare(label: str) -> str:
    """A label without what is easily overlooked: capitals, accents, blanks at its ends."""
    plain = unicodedata.normalize("NFKD", label.translate(LETTERS))
    letters = "".join(one for one in plain if not unicodedata.combining(one))
    return " ".join(letters.casefold().split())


def _ascii(heading: str) -> str:
    letters = re.sub("['’]", "", bare(words_of(heading)))
    return re.sub("[^a-z0-9]+", "_", letters).strip("_")


def _distinct(name: str, taken: Collection[str], longest: int) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        end = f"_{number}"
        found = name.rstrip("_")[: longest - len(end)].rstrip("_") + end
    return found
