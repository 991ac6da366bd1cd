"""What the laws of the field types are run over: every type in the registry, in all its variants, and
values that are made from nothing but the JSON Schema that the type gives."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from app.fields import TYPES, Field

settings.register_profile("laws", deadline=None, max_examples=30, derandomize=True, database=None)
settings.load_profile("laws")


RICH: dict[str, dict[str, Any]] = {
    "multi-choice": {
        "choices": [
            "b",
            "a",
            "A",
            "a, b",
            "a;b",
            '"',
            '"a"',
            " é ",
            "%",
            "_",
            "\\",
            "=1+1",
            "'",
            ",",
        ]
    },
    "auto-number": {"prefix": "INV-", "digits": 4},
}
"""Options that make a type harder."""


def fields_of_all_types() -> list[Field]:
    """A field of every variant of every type that is written; a new one is here by being registered."""
    found = []
    for one in (one for one in TYPES.values() if one.writable):
        rich = {f"rich-{one.name}": RICH[one.name]} if one.name in RICH else {}
        for word, options in {one.name: {}, **one.variants, **rich}.items():
            name = word.replace("-", "_")
            found.append(
                Field(f"id-{word}", name, name.title(), one, options={**one.usual, **options})
            )
    return found


FIELDS = fields_of_all_types()
NAMES = [field.name for field in FIELDS]


def json_values(field: Field) -> st.SearchStrategy[Any]:
    """JSON that the field's schema describes."""
    return described(field.type.json(field))


def described(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """JSON that a schema describes, as far as the types use schemas."""
    if schema["type"] == "array":
        return st.lists(described(schema["items"]), unique=schema["uniqueItems"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "boolean":
        return st.booleans()
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if schema.get("format") == "date":
        return st.dates().map(date.isoformat)
    if schema.get("format") == "date-time":
        first, last = datetime(1, 1, 2), datetime(9999, 12, 30, 23)
        near = st.datetimes(datetime(2026, 10, 24), datetime(2026, 10, 26))
        return st.one_of(st.datetimes(first, last), near).map(lambda value: f"{value.isoformat()}Z")
    texts = st.from_regex(re.compile(schema["pattern"]), fullmatch=True)
    return texts.filter(lambda text: len(text) <= schema.get("maxLength", 1_000))


def values(field: Field) -> st.SearchStrategy[Any]:
    """Values of the field, never None."""
    read = json_values(field).map(lambda one: field.type.from_json(one, field))
    return read.filter(lambda value: value is not None)


def fits(schema: dict[str, Any], value: Any) -> bool:
    """Whether JSON fits a schema, as far as the types use schemas."""
    kinds = {"string": str, "integer": int, "boolean": bool, "array": list, "null": type(None)}
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if type(value) not in [kinds[name] for name in names]:
        return False
    if isinstance(value, list):
        return all(fits(schema["items"], one) and value.count(one) == 1 for one in value)
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, int) and not isinstance(value, bool):
        return bool(schema["minimum"] <= value <= schema["maximum"])
    if not isinstance(value, str):
        return True
    if schema.get("format") == "date":
        return date.fromisoformat(value).isoformat() == value
    if schema.get("format") == "date-time":
        return value.endswith("Z") and datetime.fromisoformat(value).tzinfo == UTC
    long = len(value) > schema.get("maxLength", len(value))
    return not long and bool(re.search(schema.get("pattern", ""), value))
