"""What a field is, and what every type of field can do.

A text is read in a notation. CANONICAL is that of addresses, JSON, commands and exports: ISO dates,
dot decimals. FORM is a person typing: canonical, or any notation of the type as long as only one
value can be meant. A column of a sheet has one notation of its own, which `guess` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import sqlalchemy as sa
from markupsafe import Markup, escape

from app.errors import Invalid
from app.fields.inputs import TextBox, TypedField
from app.fields.lookups import EVERY, Lookup

CANONICAL, FORM = "", "form"


@dataclass(frozen=True)
class Field:
    """The declaration of one field of a table. `id` never changes, `name` is the SQL column's.

    `default` is a canonical text; `options` are the type's own, and as JSON would have them.
    """

    id: str
    name: str
    label: str
    type: FieldType
    required: bool = False
    unique: bool = False
    default: str = ""
    help: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def refusal(self, words: str) -> Invalid:
        """An error of this field; `words` go on from its label and say what works."""
        return Invalid(f"{self.label} {words}", [(self.name, f"{self.label} {words}")])

    def document(self) -> dict[str, Any]:
        """The declaration as JSON; `app.fields.load` reads it."""
        return {**vars(self), "type": self.type.name, "options": dict(self.options)}


class Guess(NamedTuple):
    """A way to read a column of texts: each is printed back as it was. `reason` follows "because"."""

    type: FieldType
    options: dict[str, Any]
    notation: str
    reason: str

    def field(self, name: str = "value", label: str = "Value") -> Field:
        """A field that takes the texts."""
        return Field(name, name, label, self.type, options=self.options)


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
    css: ClassVar[str] = ""
    """The class of its table cells."""

    usual: ClassVar[Mapping[str, Any]] = {}
    """The options that a new field begins with."""
    stored: ClassVar[type[sa.types.TypeEngine[Any]]]
    """The SQL type of a column."""
    json_type: ClassVar[Mapping[str, Any]] = {"type": "string"}
    """The JSON Schema of a value, where the field's options do not matter."""

    # Storage ---------------------------------------------------------------------------------

    def sql_arguments(self, field: Field) -> tuple[Any, ...]:
        """What `stored` is called with."""
        return ()

    def column(self, field: Field) -> sa.Column[Any]:
        """The field's column. Required is a rule of the app, so that every column may be blank."""
        kind, unique = self.stored(*self.sql_arguments(field)), field.unique or None
        return sa.Column(field.name, kind, index=unique, unique=unique, info=self.info(field))

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

    def check(self, value: Any, field: Field) -> Any:
        """The value, unless it is blank where it must not be. Raises Invalid."""
        if value is None and field.required:
            raise field.refusal("must not be empty")
        return value

    def convert(self, value: Any, source: Field, field: Field) -> Any:
        """A value of another field as one of this field. Raises Invalid."""
        return self.parse(source.type.text(value, source), field, FORM)

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

    def schema(self, field: Field) -> dict[str, Any]:
        """The JSON Schema of the field."""
        about = {"title": field.label, **({"description": field.help} if field.help else {})}
        found = self.json(field)
        if not field.required:
            found = {**found, "type": [found["type"], "null"]}
            found = {**found, "enum": [*found["enum"], None]} if "enum" in found else found
        return {**about, **found}

    # Pages -----------------------------------------------------------------------------------

    def input(self, field: Field) -> Any:
        """The WTForms field. Set it as attribute `f_<name>`, so that no name is a method of the form."""
        return TypedField(field, name=field.name)

    def widget(self, field: Field) -> Any:
        """What draws the input."""
        return TextBox()

    def cell(self, value: Any, field: Field) -> Markup:
        """What a list shows: markup in which the value is escaped; empty for None."""
        return Markup() if value is None else self.show(value, field)

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
