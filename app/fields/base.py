"""What a field is, and what every type of field can do.

A text is read in a notation. CANONICAL is that of addresses, JSON, commands and exports: ISO dates,
dot decimals. FORM is a person typing: canonical, or any notation of the type as long as only one
value can be meant. A column of a sheet has one notation of its own, which `guess` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, NamedTuple

import sqlalchemy as sa
from markupsafe import Markup, escape

from app.errors import Invalid
from app.fields.inputs import TextBox, TypedField
from app.fields.lookups import EVERY, Lookup

CANONICAL, FORM = "", "form"
PEOPLE, ITSELF = 0, -1
"""What a field links to where that is no table of its own: the people who sign in, and its own table."""


@dataclass(frozen=True)
class Field:
    """The declaration of one field of a table. `id` never changes, `name` is the SQL column's; these two
    are enough to tell fields apart in a dict.

    `default` is a canonical text; `options` are the type's own, and as JSON would have them.
    """

    id: str
    name: str
    label: str = field(hash=False)
    type: FieldType = field(hash=False)
    required: bool = field(default=False, hash=False)
    unique: bool = field(default=False, hash=False)
    default: str = field(default="", hash=False)
    help: str = field(default="", hash=False)
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def refusal(self, words: str) -> Invalid:
        """An error of this field; `words` go on from its label and say what works."""
        return Invalid(f"{self.label} {words}", [(self.name, f"{self.label} {words}")])

    def of(self, record: Any) -> Any:
        """The value that a record has. A written model may keep blank as an empty text."""
        value = getattr(record, self.name)
        return None if value == "" else value

    def document(self) -> dict[str, Any]:
        """The declaration as JSON; `app.fields.load` reads it."""
        return {**vars(self), "type": self.type.name, "options": self.type.declared(self)}


def setting(
    name: str, label: str, type: FieldType, help: str = "", default: str = "", required: bool = False,
    **options: Any,
) -> Field:  # fmt: skip
    """An option of a type that people may set. It is a field itself: its value, as JSON, is the option."""
    return Field(name, name, label, type, required, default=default, help=help, options=options)


class Guess(NamedTuple):
    """A way to read a column of texts: each is printed back as it was. `reason` follows "because"."""

    type: FieldType
    options: dict[str, Any]
    notation: str
    reason: str

    def field(self, name: str = "value", label: str = "Value") -> Field:
        """A field that takes the texts."""
        return Field(name, name, label, self.type, options=self.options)


class UnreadText(str):
    """A value of the type that a field had, which is none of the type that it has: its text."""


class FieldType:
    """The behaviour of all fields of one type: stateless, one instance in the registry.

    A value is None where the field is blank; `read`, `accept` and `write` never see None.
    """

    name: ClassVar[str]
    """The word for the type in JSON, commands and `info["field"]`."""
    accepts: ClassVar[str]
    """What can be typed, as a sentence of the manual."""
    example: ClassVar[str]
    """A canonical text, for the words of a refusal and for the manual."""
    noun: ClassVar[str]
    """What a value is, with its article."""
    python: ClassVar[type]
    """The class of its values."""
    variants: ClassVar[Mapping[str, dict[str, Any]]] = {}
    """Words for the type with certain options: `email` is a text with the format email."""
    lookups: ClassVar[Mapping[str, Lookup]] = EVERY
    aggregates: ClassVar[Mapping[str, Callable[[Any], sa.ColumnElement[Any]]]] = {}
    """What can be worked out over a column, by name: functions of the column."""
    notations: ClassVar[Sequence[str]] = ()
    family: ClassVar[str] = ""
    """Types of one family may read the same text differently, which is then a question."""
    names_records: ClassVar[bool] = False
    """Whether records may be called by it where nobody has said by which."""
    css: ClassVar[str] = ""
    """The class of its table cells."""
    given: ClassVar[bool] = False
    """Whether the app gives each new record its value, and nobody types it."""

    writable: ClassVar[bool] = True
    """Whether people write its values. Those of other types are worked out, or given by the app."""
    loss: ClassVar[str] = "truncated"
    """What happened to a value that became its `nearest`."""
    many: ClassVar[bool] = False
    """Whether its values have a table of their own, of pairs of records, in the place of a column."""
    reads_others: ClassVar[bool] = False
    """Whether its values change when records of other tables do."""
    alone: ClassVar[bool] = True
    """Whether a field is whole without another table or field; only then a column of a sheet becomes one."""
    usual: ClassVar[Mapping[str, Any]] = {}
    """The options that a new field begins with."""
    settings: ClassVar[Sequence[Field]] = ()
    """The options that people may set, as `setting` declares them; the designer asks for them."""
    stored: ClassVar[type[sa.types.TypeEngine[Any]]]
    """The SQL type of a column."""
    json_type: ClassVar[Mapping[str, Any]] = {"type": "string"}
    """The JSON Schema of a value, where the field's options do not matter."""

    # Storage ---------------------------------------------------------------------------------

    def sql_arguments(self, field: Field) -> tuple[Any, ...]:
        """What `stored` is called with."""
        return ()

    def sql_type(self, field: Field) -> sa.types.TypeEngine[Any]:
        """The SQL type of the field's values."""
        return self.stored(*self.sql_arguments(field))

    def column(self, field: Field) -> sa.Column[Any] | None:
        """The field's column; None where its values are worked out whenever they are read. Required is
        a rule of the app, so that every column may be blank."""
        kind, unique = self.sql_type(field), field.unique or None
        return sa.Column(field.name, kind, index=unique, unique=unique, info=self.info(field))

    def expression(self, field: Field, live: Any) -> sa.ColumnElement[Any]:
        """What a select of the table `live`, a Live of `app.tables`, has for the field."""
        return live.column(field.name)  # type: ignore[no-any-return]

    def needs(self, field: Field) -> Collection[int]:
        """The ids of the tables without which the field is not to be read."""
        return ()

    def through(self, field: Field) -> Collection[str]:
        """The names of the fields that link to the records it reads."""
        return ()

    def target(self, field: Field) -> int | None:
        """The id of the table whose records its values are numbers of; None where they are no such."""
        return None

    def on_delete(self, field: Field) -> str:
        """What the deletion of the record that a value names does to this one: block, clear, delete."""
        return "block"

    def sorting(self, field: Field, live: Any) -> tuple[Field, sa.ColumnElement[Any]]:
        """What a list of the table `live` sorts by, and the field that these are values of."""
        return field, live.columns[field.name]

    def only_where(self, column: sa.ColumnElement[Any], shown: Any) -> sa.ColumnElement[Any]:
        """The column, blank in the records for which a condition does not hold."""
        return sa.case((shown, column), else_=sa.null())

    def source(self, field: Field) -> str:
        """The line of a model that declares the field; `app.fields.of_column` reads the column back."""
        module = "sa." if self.stored.__module__.startswith("sqlalchemy") else ""
        arguments = ", ".join(map(repr, self.sql_arguments(field)))
        unique = ", index=True, unique=True" if field.unique else ""
        declared = f"{module}{self.stored.__name__}({arguments}){unique}, info={self.info(field)!r}"
        kind = self.python.__name__  # a field may be called `date`, so the module comes as `dt`
        annotation = f"dt.{kind}" if self.python.__module__ == "datetime" else kind
        return f"{field.name}: so.Mapped[{annotation} | None] = so.mapped_column({declared})"

    def info(self, field: Field) -> dict[str, Any]:
        """What a column remembers of the declaration, as short as it can be said."""
        document = field.document()
        word, options = self.name, dict(field.options)
        for variant, implied in self.variants.items():
            if implied.items() <= options.items():
                word = variant
                options = {key: options[key] for key in options if key not in implied}
        rest = {key: document[key] for key in ("required", "default", "help") if document[key]}
        short = {"field": word, "id": field.id, "label": field.label, **rest}
        return {**short, "options": options} if options else short

    def claims(self, column: sa.Column[Any]) -> dict[str, Any] | None:
        """The options under which the column is of this type; None where it is not."""
        return {} if isinstance(column.type, self.stored) else None

    def order(self, column: Any) -> sa.ColumnElement[Any]:
        """What sorts and pages by the column; the same order in both databases and in `rank`."""
        return sa.type_coerce(column, column.type)

    def rank(self, value: Any) -> Any:
        """What Python sorts a value by, to give the order of `order`."""
        return value

    def example_of(self, field: Field) -> str:
        """A canonical text that this field takes."""
        return self.example

    def declared(self, field: Field) -> dict[str, Any]:
        """The options that somebody has declared, without what follows from them."""
        return dict(field.options)

    def resolved(self, field: Field, live: Any, path: frozenset[Any] = frozenset()) -> Field:
        """The field with what other tables say of it, which is found on this path. Raises AppError."""
        return field

    # Settings --------------------------------------------------------------------------------

    def read_settings(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """The options that were typed: one left blank is left out, one not asked for has its default.
        Raises Invalid, naming the settings."""
        found, errors = {}, []
        for one in self.settings:
            try:
                value = one.type.parse(texts.get(one.name, one.default), one, FORM)
                found[one.name] = one.type.to_json(one.type.check(value, one), one)
            except Invalid as error:
                errors += error.errors
        if errors:
            raise Invalid(errors=errors)
        return {name: option for name, option in found.items() if option is not None}

    def write_settings(self, options: Mapping[str, Any]) -> dict[str, str]:
        """The options as people type them, or their defaults; the inverse of `read_settings`."""
        values = {one: one.type.from_json(options.get(one.name), one) for one in self.settings}
        return {one.name: one.type.text(v, one, FORM) or one.default for one, v in values.items()}

    def continued(self, options: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a field of this type that had others `before`, with what the change means."""
        return options

    # Text ------------------------------------------------------------------------------------

    def parse(self, text: str, field: Field, notation: str = CANONICAL) -> Any:
        """The value that a text means, None where it is blank. Raises Invalid, saying what works."""
        text = text.strip()
        if not text:
            return None
        found = self.readings(text, field, notation)
        if len(found) != 1:
            raise field.refusal(self.refusal(text, found, field))
        return self.accept(found[0], field)

    def reader(self, field: Field, notation: str) -> Callable[[str], Any]:
        """`parse` for many texts, which often come back."""
        known: dict[str, Any] = {}

        def read(text: str) -> Any:
            if text not in known:
                if len(known) >= 10_000:
                    known.clear()
                known[text] = self.parse(text, field, notation)
            return known[text]

        return read

    def expect(self, texts: Collection[str], field: Field) -> None:
        """These texts are about to be read: what has to be looked up for them can be so at once."""

    def readings(self, text: str, field: Field, notation: str) -> list[Any]:
        """The different values that the text can mean, before any limits."""
        value = self.read(text, field, CANONICAL if notation == FORM else notation)
        if value is not None:
            return [value]
        tried = self.typed(field) if notation == FORM else ()
        values = (self.read(text, field, one) for one in tried)
        return list(dict.fromkeys(value for value in values if value is not None))

    def typed(self, field: Field) -> Iterable[str]:
        """The notations a person may use in a form, besides the canonical one."""
        return self.notations

    def read(self, text: str, field: Field, notation: str) -> Any:
        """The value of a text in exactly this notation, None where it is not written so."""
        raise NotImplementedError

    def accept(self, value: Any, field: Field) -> Any:
        """The value within the field's limits, in its one form. Raises Invalid."""
        return value

    def refusal(self, text: str, found: list[Any], field: Field) -> str:
        """Why a text has no value, or more than one, and what works; goes on from the label."""
        if found:
            several = " or ".join(self.text(value, field) for value in found)
            return f"can mean several things; write {several}"
        return f"must be {self.noun} like {self.example_of(field)}"

    def text(self, value: Any, field: Field, notation: str = CANONICAL) -> str:
        """A value as text, the inverse of `parse`; empty for None."""
        return "" if value is None else self.write(value, field, notation)

    def write(self, value: Any, field: Field, notation: str) -> str:
        """The text of a value in this notation."""
        return str(value)

    def writer(self, field: Field) -> Callable[[Any], str]:
        """`text` for many values, none of them None, in the canonical notation."""
        return partial(self.write, field=field, notation=CANONICAL)

    def from_stored(self, field: Field) -> Callable[[Any], str] | None:
        """The same of what SQLite stores, where that can be had without the value."""
        return None

    def check(self, value: Any, field: Field) -> Any:
        """The value, unless it is blank where it must not be. Raises Invalid."""
        if value is None and field.required:
            raise field.refusal("must not be empty")
        return value

    def check_given(self, value: Any, before: Any, field: Field) -> None:
        """Raise Invalid where a value that the app gives would become another."""
        if self.given and value != before:
            stay = "blank" if before is None else "as it is"
            raise field.refusal(f"is given by the app; leave it {stay}")

    def convert(self, value: Any, source: Field, field: Field) -> Any:
        """A value of another field as one of this field. Raises Invalid."""
        return self.parse(source.type.text(value, source), field, FORM)

    def takes(self, source: Field, field: Field) -> bool:
        """Whether every value of the other field is one of this field, stored alike: then one can become
        the other without a look at the records."""
        return source.type is self and dict(source.options) == dict(field.options)

    def nearest(self, value: Any, source: Field, field: Field) -> Any:
        """What comes closest to a value that `convert` refuses. Raises Invalid where nothing does."""
        raise field.refusal(f"must be {self.noun} like {self.example_of(field)}")

    # JSON ------------------------------------------------------------------------------------

    def to_json(self, value: Any, field: Field) -> Any:
        """A value as JSON has it."""
        return None if value is None else self.text(value, field)

    def from_json(self, value: Any, field: Field) -> Any:
        """The value that JSON means. Raises Invalid."""
        if value is None or isinstance(value, str):
            return self.parse(value or "", field)
        raise field.refusal(f'must be {self.noun} in quotes, like "{self.example_of(field)}"')

    def json(self, field: Field) -> dict[str, Any]:
        """The JSON Schema of a value that is not null."""
        return dict(self.json_type)

    def taken(self, field: Field) -> dict[str, Any]:
        """The JSON Schema of what `from_json` takes besides null."""
        return self.json(field)

    def schema(self, field: Field, taken: bool = False) -> dict[str, Any]:
        """The JSON Schema of the field; `taken`: of what is sent for it, else of what is read."""
        about: dict[str, Any] = {"title": field.label}
        about |= {"description": field.help} if field.help else {}
        about |= {} if self.writable else {"readOnly": True}
        found = self.taken(field) if taken else self.json(field)
        if not field.required:
            kinds = found["type"] if isinstance(found["type"], list) else [found["type"]]
            found = {**found, "type": [*kinds, "null"]}
            found = {**found, "enum": [*found["enum"], None]} if "enum" in found else found
        return {**about, **found}

    # Pages -----------------------------------------------------------------------------------

    def input(self, field: Field) -> Any:
        """The WTForms field. Set it as attribute `f_<name>`, so that no name is a method of the form."""
        return TypedField(field, name=field.name)

    def widget(self, field: Field) -> Any:
        """What draws the input."""
        return TextBox()

    def posted(self, texts: Sequence[str]) -> str:
        """The text that an input has sent: one, or several under its name."""
        return str(texts[0])

    def cell(self, value: Any, field: Field) -> Markup:
        """What a list shows: markup in which the value is escaped; empty for None. A text that was read of
        a field that has become another stands as it was."""
        if value is None:
            return Markup()
        return escape(value) if type(value) is UnreadText else self.show(value, field)

    def show(self, value: Any, field: Field) -> Markup:
        """The markup of a value."""
        return escape(self.text(value, field))

    # Import ----------------------------------------------------------------------------------

    def guess(self, texts: Collection[str], name: str) -> list[Guess]:
        """Every way in which each text is a value that prints back the same, the likeliest first."""
        found = []
        for notation in self.candidates(texts, name):
            options = self.infer(texts, notation)
            if options is not None:
                guess = Guess(self, options, notation, self.reason(options, notation))
                if all(self.prints_back(text, guess.field(), notation) for text in texts):
                    found.append(guess)
        return found

    def fit(self, texts: Collection[str], name: str, implied: Mapping[str, Any]) -> Guess:
        """How somebody who wants this type, with these options, means the texts: the reading that most
        of them have, though others may have none."""
        options = {**self.usual, **implied}
        field = Guess(self, options, CANONICAL, "").field()
        notations = list(dict.fromkeys(self.candidates(texts, name))) or [CANONICAL]
        read = {
            notation: [text for text in texts if self.readings(text.strip(), field, notation)]
            for notation in notations
        }
        best = max(notations, key=lambda notation: len(read[notation]))
        options = {**options, **(self.infer(read[best], best) or {}), **implied}
        return Guess(self, options, best, "you want it so")

    def candidates(self, texts: Collection[str], name: str) -> Iterator[str]:
        """The notations that the texts may be in."""
        yield CANONICAL
        yield from self.notations

    def infer(self, texts: Collection[str], notation: str) -> dict[str, Any] | None:
        """The options that these texts need, None where they are not of this type."""
        return {}

    def prints_back(self, text: str, field: Field, notation: str) -> bool:
        """Whether the text is read, and printed as it was."""
        try:
            value = self.parse(text, field, notation)
        except Invalid:
            return False
        return value is not None and self.text(value, field, notation) == text.strip()

    def reason(self, options: dict[str, Any], notation: str) -> str:
        """Why the type was guessed; follows "because"."""
        written = f" written {notation}" if notation else ""
        return f"every value is {self.noun}{written}"
