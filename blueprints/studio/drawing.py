"""A table as somebody draws it: all as it was typed, until it is made into a declaration.

Rows are known by the ids of their fields, and so are their inputs: `label-<id>`, `type-<id>`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from app.errors import Invalid
from app.fields import FORM, TYPES, Field, FieldType, named
from app.fields.names import bare, field_name
from app.fields.other import OTHER
from app.sheets.plan import word_of
from app.tables import across
from app.tables.changing import new_id
from app.tables.live import Live
from app.tables.table import ACCESS, Table
from blueprints.studio.sheets import type_label
from blueprints.studio.uploads import LONGEST_LABEL

LONGEST_HELP = 300
MOST_FIELDS = 300
MOST_LISTED = 10
"""Fields that a list shows where nobody has said more."""

SORTS = {"created_at": "Created", "updated_at": "Changed"}
"""What lists can be sorted by that is no field."""
NOTHING = Table(0, 0, "", "", "", ())
"""What a new table begins from."""
Errors = list[tuple[str, str]]
"""Pairs of the id of an input and what is wrong there."""


@dataclass(frozen=True)
class Row:
    """A field as it is drawn."""

    id: str
    label: str = ""
    type: str = "text"
    required: bool = False
    unique: bool = False
    listed: bool = True
    searched: bool = True
    readonly: bool = False
    default: str = ""
    help: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> FieldType:
        """The type that the word means."""
        return named(self.type)[0]

    @property
    def untouched(self) -> bool:
        """Whether nobody has put anything into it yet."""
        blank = dict.fromkeys(self.settings, "")
        return self == Row(self.id, listed=self.listed, searched=self.searched, settings=blank)

    @property
    def asked(self) -> dict[str, str]:
        """What was typed for the settings that the type has; what others had is kept in `settings`."""
        names = [one.name for one in self.kind.settings]
        return {name: self.settings[name] for name in names if name in self.settings}

    def fitting(self, words: Sequence[str]) -> Row:
        """The row with the settings under which its type takes these words."""
        kind, implied = named(self.type)
        options = kind.fit(words, self.label, implied).options
        return replace(self, settings={**self.settings, **kind.write_settings(options)})

    @property
    def asks(self) -> bool:
        """Whether a setting is missing that nothing can be made without."""
        wanted = (one for one in self.kind.settings if one.required and not one.default)
        return any(not self.settings.get(one.name) for one in wanted)


@dataclass(frozen=True)
class Drawing:
    """A table as it is drawn; `tool` is the name of the tool it goes into, empty for one of its own,
    `title` the id of the field that records are called by, `sort` that of the one that lists are sorted
    by, from the last to the first where it begins with a minus, if somebody has said so."""

    rows: Sequence[Row]
    label: str = ""
    tool: str = ""
    access: str = "private"
    title: str = ""
    sort: str = ""


def kinds(drawing: Drawing) -> list[tuple[str, str]]:
    """Every type that a field can have, with its variants, and what people call it; and those that
    fields of this table have besides, which nobody can choose for others."""
    words = known() | {row.type for row in drawing.rows}
    return sorted(((word, type_label(word)) for word in words), key=lambda pair: pair[1])


def known() -> set[str]:
    """The words for types and their variants."""
    return {word for one in TYPES.values() for word in (one.name, *one.variants)}


def empty(rows: int) -> Drawing:
    """A new table, with so many rows to fill in."""
    return Drawing([Row(new_id()) for _ in range(rows)])


def of_table(table: Table) -> Drawing:
    """A table as it is."""
    rows = [_row(one, table) for one in table.fields]
    title = table.by_name[table.title].id
    return Drawing(rows, table.label, table.tool, table.access, title, _sort(table))


def _sort(table: Table) -> str:
    if not table.ordering:
        return ""
    first = table.ordering[0]
    id = table.by_name[first.removeprefix("-")].id
    return f"-{id}" if first[:1] == "-" else id


def _row(one: Field, table: Table) -> Row:
    word = word_of(one.type, dict(one.options))[0]
    settings = one.type.write_settings(one.options)
    default = one.type.text(one.type.parse(one.default, one), one, FORM)
    return Row(
        one.id, one.label, word, one.required, one.unique, one.name in table.list_display,
        one in table.searched or one.type.family != "text", one.name in table.readonly_fields,
        default, one.help, settings,
    )  # fmt: skip


def with_new_fields(drawing: Drawing, table: Table) -> Drawing:
    """The drawing with the fields at its end that the table has and nobody who drew it has seen."""
    drawn = {row.id for row in drawing.rows}
    rows = [_row(one, table) for one in table.fields if one.id not in drawn]
    return replace(drawing, rows=[*drawing.rows, *rows])


def declared(drawing: Drawing, old: Table) -> tuple[Table, Errors]:
    """The table that was drawn, and what is wrong: a field that cannot be made is left as it was, or out.
    `old` is the table as it is, without fields where it is new; those that are there keep their names."""
    errors: Errors = []
    before = {one.id: one for one in old.fields}
    rows = [row for row in drawing.rows if row.id in before or not row.untouched]
    names = {one.id: one.name for one in old.fields}
    for row in rows:
        names.setdefault(row.id, field_name(row.label, names.values()))
    fields = []
    for row in rows:
        one, wrong = _declared(row, names[row.id], before.get(row.id), old)
        errors += wrong
        shown = before.get(row.id) if wrong else one
        fields += [shown] if shown else []
    errors = [*_wrong(drawing, rows), *_twice(rows), *errors]
    listed = tuple(names[row.id] for row in rows if row.listed)
    table = replace(
        old, label=drawing.label, fields=tuple(fields), access=drawing.access,
        title=names.get(drawing.title, ""), list_display=listed or tuple(names.values())[:MOST_LISTED],
        search_fields=_searched(rows, names, old), ordering=_ordering(drawing, names, old),
        readonly_fields=tuple(names[row.id] for row in rows if row.readonly),
    )  # fmt: skip
    live = Live(table, "drawn")
    return replace(table, fields=tuple(across.by_names(one, live) for one in fields)), errors


def _searched(rows: Sequence[Row], names: Mapping[str, str], old: Table) -> tuple[str, ...]:
    """The fields that a search looks into; empty where that is every text."""
    texts = [row for row in rows if row.kind.family == "text"]
    if all(row.searched for row in texts) and not old.search_fields:
        return ()
    said = [
        row for row in rows if row.searched and (row in texts or names[row.id] in old.search_fields)
    ]
    return () if said == texts else tuple(names[row.id] for row in said)


def _ordering(drawing: Drawing, names: Mapping[str, str], old: Table) -> tuple[str, ...]:
    """How lists are sorted; what code says of further fields stays while the first is the same."""
    if drawing.sort == _sort(old):
        return old.ordering
    id = drawing.sort.removeprefix("-")
    name = names.get(id, id if id in SORTS else "")
    return (f"-{name}" if drawing.sort[:1] == "-" else name,) if name else ()


def sorts(drawing: Drawing) -> dict[str, str]:
    """What lists can be sorted by besides the number, and its words."""
    by = {row.id: row.label for row in drawing.rows if row.label} | SORTS
    down = {f"-{id}": f"{label}, from the last to the first" for id, label in by.items()}
    return {id: words for one in by for id, words in ((one, by[one]), (f"-{one}", down[f"-{one}"]))}


def _declared(
    row: Row, name: str, before: Field | None, table: Table
) -> tuple[Field | None, Errors]:
    """The field of a row, as far as it can be made, and what is wrong."""
    called, errors = row.label or "The field", list(_wrong_words(row))
    kind, implied = named(row.type)
    if kind is OTHER and (before is None or before.type is not OTHER):
        return None, [*errors, (f"type-{row.id}", f"{called}: choose a type")]
    try:
        options = {**_kept(kind, before), **implied, **kind.read_settings(row.asked)}
    except Invalid as error:
        wrong = [(f"set-{row.id}-{one}", f"{called}: {words}") for one, words in error.errors]
        return None, errors + wrong
    was = _row(before, table) if before else None
    if before and was and (was.type, was.settings) == (row.type, row.asked):
        options = dict(before.options)
    elif before and before.type is kind:
        options = kind.continued(options, before.options)
    made = Field(row.id, name, row.label, kind, row.required, row.unique, "", row.help, options)
    try:
        asked = replace(made, label=f"The default of {called}")
        default = kind.text(kind.parse(row.default, asked, FORM), made)
    except Invalid as error:
        return made, [*errors, (f"default-{row.id}", str(error))]
    return replace(made, default=default), errors


def example(one: Field) -> Markup:
    """What a cell of the field looks like; empty where its rules leave no room for the type's example."""
    try:
        return one.type.cell(one.type.parse(one.type.example_of(one), one), one)
    except Invalid:
        return Markup()


def _kept(kind: FieldType, before: Field | None) -> dict[str, object]:
    """The options of the field as it was, of those that nobody is asked for."""
    if before is None or before.type is not kind:
        return {}
    asked = {one.name for one in kind.settings}.union(*kind.variants.values())
    return {name: value for name, value in before.options.items() if name not in asked}


# What is wrong ---------------------------------------------------------------------------------


def _wrong(drawing: Drawing, rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """With the table as a whole."""
    if not drawing.label:
        yield "label", "Name must not be empty"
    elif len(drawing.label) > LONGEST_LABEL:
        yield "label", f"Name can have up to {LONGEST_LABEL} characters"
    if drawing.access not in ACCESS:
        yield "access", "Choose who may use it"
    if not rows:
        first = f"label-{drawing.rows[0].id}" if drawing.rows else "add"
        yield first, "A table needs at least one field: give it a name"
    if len(rows) > MOST_FIELDS:
        yield "add", f"A table can have up to {MOST_FIELDS} fields; this has {len(rows):,}"


def _wrong_words(row: Row) -> Iterator[tuple[str, str]]:
    """With the label and the help of a field."""
    if not row.label:
        yield f"label-{row.id}", "A field needs a name"
    elif len(row.label) > LONGEST_LABEL:
        words = f"The name “{row.label[:20]}…” can have up to {LONGEST_LABEL} characters"
        yield f"label-{row.id}", words
    if row.required and row.readonly and not row.default:
        words = f"{row.label[:40]} is required, so somebody must be able to type it, or it needs a default"
        yield f"readonly-{row.id}", words
    if len(row.help) > LONGEST_HELP:
        words = f"The help of {row.label[:40]} can have up to {LONGEST_HELP} characters"
        yield f"help-{row.id}", words


def _twice(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Labels that people would take for one."""
    seen: dict[str, str] = {}
    for row in filter(lambda row: row.label, rows):
        first = seen.get(bare(row.label))
        if first:
            nearly = "" if first == row.label else f" or nearly so, “{row.label}”"
            yield f"label-{row.id}", f"Two fields are called “{first}”{nearly}"
        seen.setdefault(bare(row.label), row.label)
