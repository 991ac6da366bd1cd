"""What a role gives, as the rows of a form: a row for each tool, each table, and each line with a rule."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, NamedTuple

from wtforms import HiddenField, SelectMultipleField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from app import roles
from app.errors import AppError, Invalid, NotFound
from app.expressions import words
from app.fields import Field
from app.forms import Form
from app.models import Role
from app.permissions import ACTIONS, ALL, EDITING, GIVEN_BY_ROLES, READING, SYSTEM, Grant
from app.tables import catalog, seen
from app.tables.live import Live

PRESETS = {
    "": "As ticked", "none": "Nothing", "read": "Reads", "edit": "Edits", "all": "Everything",
}  # fmt: skip
GIVES = {"none": frozenset[str](), "read": READING, "edit": EDITING, "all": ALL}
"""What each preset ticks; of a line with a rule or fields not what goes with all of a table."""
SHOWS = {"": "Shown", "readonly": "Read-only", "hidden": "Hidden"}
"""What a line can do with a field."""
MOST_TOLD = 4
GONE = "a table that is not there any more"


# Forms -----------------------------------------------------------------------------------------


class NewRoleForm(Form):
    """A role before it gives anything to tables."""

    name = StringField(
        "Name", [InputRequired("Type a name")],
        render_kw={"autocomplete": "off", "maxlength": roles.LONGEST_NAME},
    )  # fmt: skip
    description = StringField("Description", render_kw={"autocomplete": "off", "maxlength": 500})
    rights = SelectMultipleField(
        "Besides tables", choices=[SelectChoice(*one) for one in GIVEN_BY_ROLES.items()],
        option_widget=CheckboxInput(), widget=ListWidget(), validate_choice=False,
    )  # fmt: skip

    def refuse(self, error: Invalid) -> None:
        """Show what a service refused: at the inputs, or on top where there is none for it."""
        for name, message in error.errors or [("", str(error))]:
            place = self[name] if name in self else None
            if place is None:
                self.form_errors.append(message)
            else:
                place.errors = [*place.errors, message]


class RoleForm(NewRoleForm):
    """A role that is there."""

    api_rate = StringField("Requests to the API", render_kw={"maxlength": "30"})
    version = HiddenField()

    @property
    def seen(self) -> int:
        """The version that was on the page; 0 where that is none."""
        text = str(self.version.data or "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


# Rows ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A line of the grid. `key` names its inputs; `number` is that of its grant in the role, 0 where it
    has none; `only` says in words for what it is."""

    label: str
    grant: Grant
    number: int = 0
    only: str = ""
    table: str = ""
    errors: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same for the same tool, table, rule and fields, whatever it gives and wherever it stands."""
        one = replace(self.grant, by="", actions=frozenset()).document()
        return sha256(repr(sorted(one.items())).encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """What a reader is told that the boxes of it are about."""
        return f"{self.label} {self.only}".strip()


class Group(NamedTuple):
    """The rows of a tool."""

    label: str
    rows: list[Row]


def groups(role: Role) -> list[Group]:
    """The grid of a role: every tool and table that there is, then what is left of those that are gone."""
    given = _numbered(role)
    found = []
    for tool, lives in catalog.open_to(SYSTEM).items():
        rows = [
            _whole(f"All tables of {tool.label}", Grant("", frozenset(), tool=tool.name), given)
        ]
        for live in lives:
            rows += _of_table(live, given)
        found.append(Group(tool.label, rows))
    if given:
        gone = [Row(GONE[0].upper() + GONE[1:], *one, only=one[0].tool) for one in given]
        found.append(Group("Not there any more", gone))
    return found


def _numbered(role: Role) -> list[tuple[Grant, int]]:
    return [(replace(one, by=""), n) for n, one in enumerate(roles.grants_in(role), 1)]


def _of_table(live: Live, given: list[tuple[Grant, int]]) -> Iterator[Row]:
    table = live.table
    address, whole = (
        f"{table.tool}/{table.name}",
        Grant("", frozenset(), tool=table.tool, table=table.id),
    )
    yield replace(_whole(table.label, whole, given), table=address)
    for one in [one for one in given if (one[0].tool, one[0].table) == (table.tool, table.id)]:
        given.remove(one)
        only = limits(live, one[0]) or "without fields that are not there any more"
        yield Row(table.label, *one, only=only, table=address)


def _whole(label: str, empty: Grant, given: list[tuple[Grant, int]]) -> Row:
    """The row of a place for all its records; takes what the role gives there out of `given`."""
    mine = [one for one in given if replace(one[0], actions=frozenset()) == empty]
    given[:] = [one for one in given if one not in mine]
    actions = frozenset[str]().union(*(one.actions for one, _ in mine))
    return Row(label, replace(empty, actions=actions), mine[0][1] if mine else 0)


def read(found: Sequence[Group], sent: Any) -> list[Group]:
    """The rows as a form has sent them, each with what is wrong in it."""
    return [Group(one.label, [_read(row, sent) for row in one.rows]) for one in found]


def _read(row: Row, sent: Any) -> Row:
    actions, preset = frozenset(sent.getlist(f"do-{row.key}")), sent.get(f"preset-{row.key}", "")
    if preset not in PRESETS:
        return replace(row, errors=(f"A preset is one of {', '.join(filter(None, PRESETS))}",))
    if preset:
        actions = GIVES[preset] if row.grant.whole else GIVES[preset] - roles.WHOLE
    if actions == row.grant.actions:
        return row
    return _checked(replace(row, grant=replace(row.grant, actions=actions)))


def _checked(row: Row) -> Row:
    if not row.grant.actions:
        return row
    try:
        return replace(row, grant=roles.check(row.grant))
    except AppError as error:
        return replace(row, errors=(str(error),))


def granted(found: Sequence[Group]) -> list[Grant]:
    """What the rows give."""
    return [row.grant for one in found for row in one.rows if row.grant.actions]


def errors(found: Sequence[Group]) -> list[tuple[str, str]]:
    """What is wrong, by the input that it is shown at."""
    return [
        (f"preset-{row.key}", f"{row.name}: {words}")
        for one in found
        for row in one.rows
        for words in row.errors
    ]


# In words --------------------------------------------------------------------------------------


def rule_in_words(live: Live, rule: str) -> str:
    """A rule as people say it; as it is written where it cannot be read any more."""
    try:
        return words.of(seen.rule(live, rule).expression)
    except AppError:
        return f"{rule} (this cannot be read any more, so it holds for no record)"


def limits(live: Live, grant: Grant) -> str:
    """For which records and fields a line is; empty where for all."""
    labels = {one.id: one.label for one in live.table.fields}
    hidden = sorted(labels[one] for one in grant.hidden if one in labels)
    readonly = sorted(labels[one] for one in grant.readonly if one in labels)
    said = [
        f"where {rule_in_words(live, grant.rule)}" if grant.rule else "",
        f"without {', '.join(hidden)}" if hidden else "",
        f"with {', '.join(readonly)} read-only" if readonly else "",
    ]
    return ", ".join(filter(None, said))


def actions_in_words(actions: Collection[str]) -> str:
    """`reads`, `edits` and `everything` for what the presets tick, else the actions one by one."""
    found = frozenset(actions)
    for name, preset in GIVES.items():
        if found == preset:
            return PRESETS[name].lower()
    if ALL - found == roles.WHOLE:
        return "everything but design and share"
    return ", ".join(one for one in ACTIONS if one in found)


def place(grant: Grant) -> str:
    """The tool or table that a line is for."""
    if grant.table is None:
        labels = {one.name: one.label for one in catalog.open_to(SYSTEM)}
        return f"all of {labels.get(grant.tool, grant.tool)}"
    try:
        return catalog.by_id(grant.table).table.label
    except NotFound:
        return GONE


def line_in_words(grant: Grant) -> str:
    """What a line gives: `Orders: edits, where Owner is the person who asks`."""
    said = f"{place(grant)}: {actions_in_words(grant.actions)}"
    if grant.whole or grant.table is None:
        return said
    try:
        return f"{said}, {limits(catalog.by_id(grant.table), grant)}"
    except NotFound:
        return said


def gives(role: Role) -> list[str]:
    """What a role gives in a few words, a line each."""
    lines = [line_in_words(one) for one in roles.grants_in(role)]
    more = [f"and {len(lines) - MOST_TOLD} more"] if len(lines) > MOST_TOLD else []
    return [*lines[:MOST_TOLD], *more, *(GIVEN_BY_ROLES[one].lower() for one in role.rights)]


# One line --------------------------------------------------------------------------------------


def shown(grant: Grant, field: Field) -> str:
    """One of SHOWS."""
    return (
        "hidden" if field.id in grant.hidden else "readonly" if field.id in grant.readonly else ""
    )


def read_line(live: Live, sent: Any) -> Grant:
    """The line of a table as a form has sent it."""
    fields = {one.id: sent.get(f"field-{one.id}", "") for one in live.table.fields}
    by_choice = {
        choice: frozenset(id for id, found in fields.items() if found == choice)
        for choice in ("hidden", "readonly")
    }
    rule = sent.get("rule", "").replace("\r\n", "\n").strip()
    return Grant(
        "", frozenset(sent.getlist("do")), rule, tool=live.table.tool, table=live.table.id, **by_choice
    )  # fmt: skip


def examples(live: Live) -> list[tuple[str, str]]:
    """Rules that work for this table, each with its words."""
    written = [one for field in live.table.fields if (one := _example(field))]
    found: dict[str, tuple[str, str]] = {}
    for kind, rule in written:
        try:
            found.setdefault(kind, (rule, words.of(seen.rule(live, rule).expression)))
        except AppError:
            continue
    return list(found.values())[:6]


KINDS: Mapping[str, str] = {
    "person": "{0} == me", "created-by": "{0} == me", "yes-no": "not {0}", "date": "{0} >= today - 7",
    "date-time": "{0} < now", "integer": "{0} > 100", "money": "{0} <= 500",
}  # fmt: skip
"""An example of a rule over a field of each of these types."""
TEAMS = {"team", "role", "department", "group", "region"}
"""Names of fields that may have the name of a role."""


def _example(field: Field) -> tuple[str, str] | None:
    choices = field.options.get("choices", ())
    if choices:
        return "choice", f'{field.name} != "{choices[-1]}"'
    form = "{0} in me.roles" if field.name in TEAMS else KINDS.get(field.type.name)
    return (field.type.name, form.format(field.name)) if form else None
