"""JSON that was sent, into values for the services. What is wrong is said with its place and a cure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.errors import Invalid
from app.fields import Field
from app.tables import listing
from app.tables.live import Live

DEEPEST, MOST_ITEMS, LONGEST_NUMBER = 20, 1_000, 1_000
TYPES = {"application/json", "application/merge-patch+json"}


def read(data: bytes, mimetype: str) -> Any:
    """A body as JSON. Raises UnsupportedMediaType and BadRequest, in words."""
    if mimetype not in TYPES:
        raise UnsupportedMediaType("Send JSON, with the header Content-Type: application/json.")
    if not data.strip():
        raise BadRequest('The body is empty; send JSON, as in {"name": "value"}.')
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8: byte {error.start:,} cannot be read.") from None
    except RecursionError:
        raise BadRequest(f"The JSON is nested deeper than {DEEPEST} levels.") from None
    except ValueError as error:
        raise BadRequest(f"This is no JSON: {error}.") from None
    if _depth(found) > DEEPEST:
        raise BadRequest(f"The JSON is nested deeper than {DEEPEST} levels.")
    return found


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name “{twice[:60]}” stands twice in one object")
    return found


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        words = f"a number of {len(text):,} digits is too long; up to {LONGEST_NUMBER} are read"
        raise ValueError(words)
    return int(text)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
    return depth


def an_object(body: Any, what: str = "A record") -> dict[str, Any]:
    """The body where it is an object. Raises Invalid."""
    if not isinstance(body, dict):
        raise Invalid(f"{what} is an object in JSON, in braces.", [("", "must be an object")])
    return body


def items(body: Any, what: str) -> list[Any]:
    """The body where it is a list of at most MOST_ITEMS. Raises Invalid."""
    if not isinstance(body, list):
        raise Invalid(f"{what} is a list of objects.", [(what, "must be a list")])
    if len(body) > MOST_ITEMS:
        words = f"has {len(body):,} items; up to {MOST_ITEMS:,} are taken at once"
        raise Invalid(f"{what} {words}.", [(what, words)])
    return body


def whole(value: Any, name: str) -> int:
    """A number that names a record or a version. Raises Invalid."""
    if value is None:
        raise Invalid(errors=[(name, f"{name} is missing")])
    if type(value) is not int or not 0 < value < 2**31:
        raise Invalid(errors=[(name, f"{name} must be a whole number from 1")])
    return value


def values(
    live: Live, body: Mapping[str, Any], record: Any = None, whole_record: bool = False
) -> dict[str, Any]:
    """The values of a body, by field. What nobody writes may stand there as it is; with `whole_record`
    fields that are left out are blank, but for what the app gives. Raises Invalid with all that is wrong."""
    found, errors = {}, []
    fields = {one.name: one for one in live.table.written}
    for name, given in body.items():
        try:
            if name in fields:
                found[name] = value(fields[name], given)
            else:
                _check_unwritten(live, name, given, record)
        except Invalid as error:
            errors += error.errors or [(name, str(error))]
    if errors:
        raise Invalid(errors=errors)
    if whole_record:
        found |= {
            name: None for name, one in fields.items() if not (name in found or one.type.given)
        }
    return found


def value(field: Field, given: Any) -> Any:
    """The value of a field that JSON means. Raises Invalid."""
    try:
        return field.type.from_json(given, field)
    except (ValueError, OverflowError, RecursionError, TypeError) as error:
        raise field.refusal(f"cannot be read: {error}") from None


def _check_unwritten(live: Live, name: str, given: Any, record: Any) -> None:
    field = live.table.by_name.get(name)
    if field is None:
        raise Invalid(errors=[(name[:60], _unknown(live, name))])
    if record is None:
        why = "is given by the app" if name not in _writable(live) else "is read-only here"
        raise Invalid(errors=[(name, f"{name} {why}; leave it out")])
    if field.type.to_json(field.of(record), field) != given:
        raise Invalid(
            errors=[(name, f"{name} cannot be changed; leave it out, or send it as it is")]
        )


def _writable(live: Live) -> set[str]:
    """The names of the fields that people write, whatever rights and read-only fields there are."""
    return {one.name for one in live.table.fields if one.type.writable}


def _unknown(live: Live, name: str) -> str:
    there = ", ".join(one.name for one in live.table.written)
    gone = listing.taken_out(live, name)
    return f"{gone or f'There is no field “{name[:60]}”'}; there are {there}"
