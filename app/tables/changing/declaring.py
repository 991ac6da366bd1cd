"""A declaration that was sent as JSON, read as strictly as the designer reads what is typed.

It has the form of `Table.document`, with `access`. A field is known by its `id`; without one it is the
field of its `name`, or a new one. The settings of its type go through the same reading as in a form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.errors import Invalid
from app.fields import TYPES, Field, FieldType, named
from app.fields.names import field_name
from app.fields.other import OTHER
from app.tables import across
from app.tables.changing.comparing import new_id, wanted
from app.tables.live import Live
from app.tables.table import NAMING, Table

LONGEST_LABEL, LONGEST_HELP = 100, 300
TEXTS, FLAGS = ("id", "name", "label", "type", "default", "help"), ("required", "unique")
OF_FIELD = {*TEXTS, *FLAGS, "options"}
OF_TABLE = {"label", "title", "access", "fields", *NAMING}
ASIDE = {"tool", "table", "version", "dropped", "choices"}
"""What may stand beside, as an answer has it, and declares nothing."""


def read(sent: Mapping[str, Any], old: Table) -> Table:
    """The table that is declared in the place of `old`, which has no fields where it is new. What is left
    out of the table stays; a field that is left out goes. Raises Invalid with all that is wrong."""
    errors = [*_wrong(sent, OF_TABLE | ASIDE, "")]
    fields, wrong = _fields(sent.get("fields"), old)
    if errors := [*errors, *wrong]:
        raise Invalid(errors=errors)
    said = {name: tuple(sent[name]) for name in NAMING if name in sent}
    plain = {name: sent[name] for name in ("label", "title", "access") if name in sent}
    if errors := [*_nameless(sent, {*old.by_name, *(one.name for one in fields)})]:
        raise Invalid(errors=errors)
    declared: dict[str, Any] = {**_without_gone(old, fields), **said, **plain, "fields": fields}
    table = replace(old, **declared)
    live = Live(table, "declared")
    fields = tuple(across.by_names(one, live) for one in fields)
    return wanted(old, replace(table, fields=fields))


def _without_gone(old: Table, fields: Sequence[Field]) -> dict[str, Any]:
    """What the table says of its fields, as far as these are still there under their names."""
    names = {one.id: one.name for one in fields}
    now = {one.name: names.get(one.id) for one in old.fields}
    found: dict[str, Any] = {}
    for option in NAMING:
        kept = [
            (one[:1] == "-", now.get(one.removeprefix("-"), one.removeprefix("-")))
            for one in getattr(old, option)
        ]
        found[option] = tuple(f"-{name}" if down else name for down, name in kept if name)
    return {**found, "title": now.get(old.title) or ""}


def _nameless(sent: Mapping[str, Any], known: set[str]) -> Iterator[tuple[str, str]]:
    """What is said of fields that there neither are nor were."""
    for option in ("title", *NAMING):
        names = [sent[option]] if option == "title" and sent.get(option) else sent.get(option, ())
        for name in {one.removeprefix("-") for one in names} - known:
            yield option, f"{option} names “{name[:60]}”, which is no field"


def _wrong(sent: Mapping[str, Any], known: set[str], at: str) -> Iterator[tuple[str, str]]:
    """Names that declare nothing, and values that are not of their kind."""
    for name, value in sent.items():
        place = f"{at}{name[:60]}"
        if name not in known:
            yield place, f"“{name[:60]}” is not known here; there are {', '.join(sorted(known))}"
        elif name in FLAGS and not isinstance(value, bool):
            yield place, f"{name} is true or false"
        elif name in NAMING and not _are_texts(value):
            yield place, f"{name} is a list of names of fields"
        elif name in (*TEXTS, "title", "access") and not _is_text(value):
            yield place, f"{name} is a text"
        elif name == "label" and not 1 <= len(value.strip()) <= LONGEST_LABEL:
            yield place, f"label has 1 to {LONGEST_LABEL} characters"
        elif name == "help" and len(value) > LONGEST_HELP:
            yield place, f"help has up to {LONGEST_HELP} characters"
        elif name == "options" and not isinstance(value, dict):
            yield place, "options is an object"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


# Fields ----------------------------------------------------------------------------------------


def _fields(sent: Any, old: Table) -> tuple[tuple[Field, ...], list[tuple[str, str]]]:
    if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
        return (), [("fields", "fields is a list of objects, each with label and type")]
    found, errors = list[Field](), list[tuple[str, str]]()
    for place, one in enumerate(sent):
        at = f"fields.{place}."
        if wrong := [*_wrong(one, OF_FIELD, at)]:
            errors += wrong
            continue
        try:
            found.append(_field(one, old, [field.name for field in found]))
        except Invalid as error:
            told = error.errors or [("", str(error))]
            errors += [(f"{at}{name}".rstrip("."), words) for name, words in told]
    ids = [one.id for one in found]
    errors += [("fields", f"{one.label} is there twice") for one in found if ids.count(one.id) > 1][
        :1
    ]
    return tuple(found), errors


def _field(sent: Mapping[str, Any], old: Table, taken: Sequence[str]) -> Field:
    """A field, as far as its own declaration tells. Raises Invalid, naming its parts."""
    before = _before(sent, old)
    if before is None and not {"label", "type"} <= sent.keys():
        raise Invalid(errors=[("", "a new field has a label and a type")])
    plain = {name: sent[name] for name in ("name", "label", "help", *FLAGS) if name in sent}
    if before is None:
        names = [*taken, *(one.name for one in old.fields)]
        start = Field(new_id(), field_name(sent["label"], names), "", TYPES["text"])
    kind, options = _kind(sent, before)
    made = replace(before or start, **plain, type=kind, options=options)
    return replace(made, default=_default(sent.get("default", made.default), made))


def _before(sent: Mapping[str, Any], old: Table) -> Field | None:
    known = {one.id: one for one in (*(one.field for one in old.dropped), *old.fields)}
    if "id" in sent:
        if sent["id"] not in known:
            words = "there is no field of this id; leave it out for a new one, or to go by the name"
            raise Invalid(errors=[("id", words)])
        return known[sent["id"]]
    return next((one for one in old.fields if one.name == sent.get("name")), None)


def _kind(sent: Mapping[str, Any], before: Field | None) -> tuple[FieldType, dict[str, Any]]:
    """The type and its options, read as the form of the designer reads them."""
    if before is not None and {**_told(before), **sent} == {**sent, **_told(before)}:
        return before.type, dict(before.options)
    kind, implied = _named(sent.get("type", before.type.name if before else "text"))
    if kind is OTHER and (before is None or before.type is not OTHER):
        raise Invalid(errors=[("type", "choose a type that can be declared")])
    was = before.options if before is not None and before.type is kind else {}
    given = {**kind.usual, **was, **implied} if "options" not in sent else sent["options"]
    return kind, _options(kind, implied, given, was)


def _told(field: Field) -> dict[str, Any]:
    return {name: field.document()[name] for name in ("type", "options")}


def _named(word: str) -> tuple[FieldType, dict[str, Any]]:
    try:
        return named(word)
    except KeyError:
        words = f"there is no type “{word[:40]}”; there are {', '.join(TYPES)}"
        raise Invalid(errors=[("type", words)]) from None


def _options(
    kind: FieldType, implied: Mapping[str, Any], given: Mapping[str, Any], was: Mapping[str, Any]
) -> dict[str, Any]:
    asked = {one.name for one in kind.settings}
    kept = {
        name: one for name, one in was.items() if name not in asked and given.get(name, one) == one
    }
    variant = next((it for it in kind.variants.values() if _is_part(it, given)), {})
    if unknown := sorted(given.keys() - asked - kept.keys() - variant.keys() - implied.keys()):
        there = ", ".join(sorted(asked)) or "none"
        words = f"there is no option “{unknown[0][:40]}” of this type; there are {there}"
        raise Invalid(errors=[(f"options.{unknown[0][:40]}", words)])
    try:
        texts = kind.write_settings({name: given[name] for name in asked & given.keys()})
        read = kind.read_settings(texts)
    except Invalid as error:
        raise Invalid(errors=[(f"options.{name}", it) for name, it in error.errors]) from None
    except (TypeError, ValueError, ArithmeticError, AttributeError, KeyError) as error:
        raise Invalid(errors=[("options", f"these cannot be read: {error}")]) from None
    return kind.continued({**kept, **variant, **implied, **read}, was)


def _is_part(implied: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return all(given.get(name) == value for name, value in implied.items())


def _default(text: str, field: Field) -> str:
    try:
        return field.type.text(field.type.parse(text, replace(field, label="The default")), field)
    except Invalid as error:
        raise Invalid(errors=[("default", str(error))]) from None
