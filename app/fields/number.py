"""Numbers: integer, decimal, money. Exact everywhere: nothing passes through a binary float.

At most 15 digits: so many survive in a spreadsheet and in JavaScript, and SQLite can add up nine
thousand of the largest. A notation is a number written in it, such as `1.234,50 €` or `(1,234.50)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from markupsafe import Markup, escape
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.functions import FunctionElement

from app import clock
from app.fields import lookups
from app.fields.base import CANONICAL, FORM, Field, FieldType, setting
from app.fields.inputs import Options, TextBox

DIGITS = 15
LIMIT = 10**DIGITS


@lru_cache
def bounds(scale: int) -> tuple[Decimal, Decimal]:
    """The smallest step of numbers with so many decimals, and the first number with too many digits."""
    return Decimal(1).scaleb(-scale), Decimal(LIMIT).scaleb(-scale)


class Exact(sa.types.TypeDecorator[Decimal]):
    """A decimal with a fixed number of decimals: NUMERIC, and on SQLite a whole number of its
    smallest unit. Columns of one scale can be compared, sorted and added up in SQL."""

    impl = sa.BigInteger
    cache_ok = True

    class comparator_factory(sa.types.TypeDecorator.Comparator[Decimal]):
        """Refuses what would be wrong by the scale."""

        def operate(self, op: Any, *other: Any, **options: Any) -> Any:
            """As always, but for products and quotients."""
            if op in (operators.mul, operators.truediv, operators.floordiv, operators.mod):
                raise TypeError("a scaled number is not multiplied or divided in SQL")
            return super().operate(op, *other, **options)

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.Numeric(DIGITS, self.scale))

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """To the database. Raises ValueError for a float and for what does not fit exactly."""
        if value is None:
            return None
        step, limit = bounds(self.scale)
        if not isinstance(value, Decimal | int) or not -limit < value < limit:
            raise ValueError(f"{value!r} is no exact number of up to {DIGITS} digits")
        exact = Decimal(value).quantize(step)
        if exact != value:
            raise ValueError(f"{value} has more than {self.scale} decimals")
        return int(exact.scaleb(self.scale)) if dialect.name == "sqlite" else exact

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        if value is None:
            return None
        return Decimal(value).scaleb(-self.scale) if dialect.name == "sqlite" else Decimal(value)


# Averages --------------------------------------------------------------------------------------


class average(FunctionElement[Decimal]):
    """The exact average of a column, rounded half up to two decimals more than the column has."""

    inherit_cache = True

    def __init__(self, column: Any) -> None:
        super().__init__(column)
        self.type = Exact(getattr(column.type, "scale", 0) + 2)


@compiles(average)
def _average(element: Any, compiler: Any, **options: Any) -> str:
    x, scale = compiler.process(element.clauses, **options), element.type.scale
    total, n = f"CAST(sum({x}) AS NUMERIC)", f"count({x})"
    units = f"div({total} * {2 * 10**scale} + sign({total}) * {n}, 2 * {n})"
    return f"({units} * {Decimal(1).scaleb(-scale):f})"


@compiles(average, "sqlite")
def _average_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    x = compiler.process(element.clauses, **options)
    total, n = f"sum({x})", f"count({x})"  # the sum times 100 might not fit, what is left over does
    half = f"CASE WHEN {total} < 0 THEN -{n} ELSE {n} END"
    return f"({total} / {n} * 100 + ({total} % {n} * 200 + {half}) / (2 * {n}))"


# Notations -------------------------------------------------------------------------------------

GROUPS = ("", ",", ".", " ", "\u00a0", "\u202f", "'", "’")
SIGNS = {"-": "", "−": "", "(": ")", "": "-"}
"""What stands before a number below zero, and after it."""


THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
"""A number that has its thousands set apart by a point, or three decimals."""


class Notation(NamedTuple):
    """The marks of a notation. `before` and `after` are its unit, with the blanks between."""

    before: str
    group: str
    mark: str
    after: str
    sign: str = "-"

    @classmethod
    @lru_cache(1024)
    def of(cls, sample: str) -> Notation:
        """The notation of a number written in it; one below zero where that is not a plain minus."""
        sign, bare = unsigned(sample)
        found = re.fullmatch(r"([^0-9]*)1([^0-9]?)234([^0-9])50([^0-9]*)", bare)
        before, group, mark, after = found.groups() if found else ("", "", ".", "")
        return cls(before, group, mark, after, "-" if sign is None else sign)

    def to(self, style: clock.Style) -> Notation:
        """The notation with the marks of another style; thousands that are not set apart stay so."""
        return self._replace(group=self.group and style.group, mark=style.mark)

    def sample(self) -> str:
        """The name of the notation; empty for the canonical one."""
        if self == ("", "", ".", "", "-"):
            return CANONICAL
        return self.write(Decimal("1234.50" if self.sign == "-" else "-1234.50"), 2)

    def write(self, value: Decimal, shown: int) -> str:
        whole, _, rest = f"{value.copy_abs():,f}".partition(".")
        rest = rest.rstrip("0").ljust(shown, "0")
        number = whole.replace(",", self.group) + (self.mark + rest if rest else "")
        text = f"{self.before}{number}{self.after}"
        return f"{self.sign}{text}{SIGNS[self.sign]}" if value < 0 else text

    def read(self, text: str) -> Decimal | None:
        sign, bare = unsigned(text)
        found = _pattern(self).fullmatch(bare)
        if found is None or sign not in (None, self.sign):
            return None
        whole, rest = found.groups()
        digits = whole.replace(self.group, "") if self.group else whole
        value = Decimal(f"{digits}.{rest}" if rest else digits)
        return value.copy_negate() if sign is not None and value else value


def unsigned(text: str) -> tuple[str | None, str]:
    """How a number is marked as below zero, if it is, and the text without that."""
    if text[:1].isdigit() and text[-1] != "-":
        return None, text
    for sign, end in SIGNS.items():
        if text.startswith(sign) and text.endswith(end):
            return sign, text[len(sign) : len(text) - len(end)]
    return None, text


@lru_cache(1024)
def _pattern(notation: Notation) -> re.Pattern[str]:
    before, group, mark, after = map(re.escape, notation[:4])
    grouped = f"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|" if group else ""
    return re.compile(f"{before}({grouped}[0-9]+)(?:{mark}([0-9]+))?{after}")


def plain_samples() -> Iterable[str]:
    """The notations that people type, without a unit."""
    for group, mark in (",.", ".,", " ,", " .", "'.", "’."):
        yield Notation("", group, mark, "").sample()
    yield Notation("", "", ",", "").sample()


# Types -----------------------------------------------------------------------------------------


class Number(FieldType):
    """What all numbers have in common. `read` gives a Decimal as written, `accept` makes the value."""

    css, family, loss = "num", "number", "rounded"
    notations = tuple(plain_samples())
    lookups = {**lookups.EVERY, **lookups.SEVERAL, **lookups.RANGE}
    aggregates = {"sum": sa.func.sum, "average": average, "min": sa.func.min, "max": sa.func.max}

    def scale(self, field: Field) -> int:
        """Number of decimals that are stored."""
        return int(field.options.get("scale", 2))

    def units(self, field: Field) -> tuple[str, ...]:
        """What a person may write beside the number."""
        return ()

    def readings(self, text: str, field: Field, notation: str) -> list[Any]:
        if notation != FORM:
            return super().readings(text, field, notation)
        bare = self._bare(text, field)
        found = super().readings(bare, field, notation)
        as_whole, finer = bare.replace(".", ""), 3 - self.scale(field)
        if 0 < finer < 3 and THOUSANDS.fullmatch(bare) and as_whole.endswith("0" * finer):
            found += super().readings(as_whole, field, notation)  # nobody writes such decimals
        return found

    def _bare(self, text: str, field: Field) -> str:
        sign, bare = unsigned(re.sub(r"\s", " ", text))
        for unit in self.units(field):
            bare = bare.removeprefix(unit).removesuffix(unit).strip()
        inner, bare = unsigned(bare) if sign is None else (None, bare)
        return bare if sign is None and inner is None else f"-{bare.strip()}"

    def read(self, text: str, field: Field, notation: str) -> Decimal | None:
        return Notation.of(notation).read(text)

    def accept(self, value: Decimal, field: Field) -> Any:
        scale = self.scale(field)
        step, limit = bounds(scale)
        if not -limit < value < limit:
            before = " before the point" if scale else ""
            raise field.refusal(f"can have up to {DIGITS - scale} digits{before}; codes take more")
        exact = value.quantize(step) + 0  # no zero below zero
        if exact != value:
            raise field.refusal(self.too_fine(scale))
        self._bound(exact, field)
        return exact

    def too_fine(self, scale: int) -> str:
        """What is said of too many decimals."""
        return f"can have up to {scale} decimals, like {self.example}"

    def _bound(self, value: Decimal | int, field: Field) -> None:
        low, high = field.options.get("min"), field.options.get("max")
        if low is not None and value < Decimal(low):
            raise field.refusal(f"must be {low} or more")
        if high is not None and value > Decimal(high):
            raise field.refusal(f"must be {high} or less")

    def write(self, value: Any, field: Field, notation: str) -> str:
        shown = int(field.options.get("shown", self.scale(field)))
        return Notation.of(CANONICAL if notation == FORM else notation).write(Decimal(value), shown)

    def writer(self, field: Field) -> Callable[[Any], str]:
        if int(field.options.get("shown", self.scale(field))) == self.scale(field):
            return "{:f}".format if self.scale(field) else str
        return super().writer(field)

    def from_stored(self, field: Field) -> Callable[[Any], str] | None:
        scale = self.scale(field)
        if not scale or int(field.options.get("shown", scale)) != scale:
            return None

        def text(units: int) -> str:
            digits = str(units)
            if len(digits) < scale + 2:  # it may need noughts before the point
                digits = f"{units:0{scale + 1 + (units < 0)}}"
            return f"{digits[:-scale]}.{digits[-scale:]}"

        return text

    def convert(self, value: Any, source: Field, field: Field) -> Any:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return self.accept(Decimal(value), field)
        return super().convert(value, source, field)

    def takes(self, source: Field, field: Field) -> bool:
        alike = source.type.stored is self.stored
        if not alike or source.type.sql_arguments(source) != self.sql_arguments(field):
            return False
        low, high = (
            [one.options.get(limit) for one in (source, field)] for limit in ("min", "max")
        )
        lower = low[1] is None or low[0] is not None and Decimal(low[0]) >= Decimal(low[1])
        higher = high[1] is None or high[0] is not None and Decimal(high[0]) <= Decimal(high[1])
        return lower and higher

    def nearest(self, value: Any, source: Field, field: Field) -> Any:
        """Rounded, halves away from zero."""
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            found = self.readings(source.type.text(value, source).strip(), field, FORM)
            if len(found) != 1:
                return super().nearest(value, source, field)
            value = found[0]
        step, limit = bounds(self.scale(field))
        number = Decimal(value)
        return self.accept(
            number.quantize(step, ROUND_HALF_UP) if abs(number) < limit else number, field
        )

    def from_json(self, value: Any, field: Field) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return self.accept(Decimal(value), field)
        return super().from_json(value, field)

    def widget(self, field: Field) -> Any:
        return TextBox("decimal" if self.scale(field) else "numeric")

    def show(self, value: Any, field: Field) -> Markup:
        return escape(self.write(value, field, self.shown_as(field).to(clock.style()).sample()))

    def shown_as(self, field: Field) -> Notation:
        """The notation in lists."""
        return Notation("", ",", ".", "")

    def candidates(self, texts: Collection[str], name: str) -> Iterator[str]:
        used = set().union(*texts)
        before, after = self.unit_in(texts)
        sign = next((one for one in "−(" if one in used), "-")
        if any(text.endswith("-") for text in texts):
            sign = ""
        for group in GROUPS:
            for mark in ".,":
                if (not group or group in used - {mark}) and (mark in used or "." in (mark, group)):
                    yield Notation(before, group, mark, after, sign).sample()

    def unit_in(self, texts: Collection[str]) -> tuple[str, str]:
        """What stands before and after the digits of the first text."""
        return "", ""

    def infer(self, texts: Collection[str], notation: str) -> dict[str, Any] | None:
        form = Notation.of(notation)
        places = []
        for text in texts:
            value = form.read(text.strip())
            if value is None:
                return None
            places.append(-int(value.as_tuple().exponent))
        return self.options(form, max(places, default=0), min(places, default=0))

    def options(self, form: Notation, most: int, fewest: int) -> dict[str, Any] | None:
        """The options for numbers with so many decimals, None where another type is meant."""
        raise NotImplementedError


COUNTS_NOTHING = re.compile(r"(?:^|_)(?:id|no|nr|number|key|year)$")
"""Names of whole numbers that are no quantities."""


class Integer(Number):
    """A whole number. Options: `min`, `max`."""

    name, noun, example, python = "integer", "a whole number", "1200", int
    stored = sa.BigInteger
    accepts = (
        "A whole number of up to 15 digits. A form also takes separators, as in 1,200 or 1.200."
    )
    aggregates = {
        **Number.aggregates,
        "sum": lambda column: sa.cast(sa.func.sum(column), sa.BigInteger),
    }

    def scale(self, field: Field) -> int:
        return 0

    def shown_as(self, field: Field) -> Notation:
        """Thousands are set apart in quantities, not in keys and years."""
        plain = field.unique or COUNTS_NOTHING.search(field.name)
        return Notation("", "", ".", "") if plain else super().shown_as(field)

    def claims(self, column: sa.Column[Any]) -> dict[str, Any] | None:
        if not isinstance(column.type, sa.Integer):
            return None
        bits = {sa.BigInteger: 0, sa.SmallInteger: 15}.get(type(column.type), 31)
        return {"min": -(2**bits), "max": 2**bits - 1} if bits else {}

    def parse(self, text: str, field: Field, notation: str = CANONICAL) -> Any:
        """Digits alone are the usual case, and an import has a million of them."""
        if notation or len(text) > DIGITS or not (text.isascii() and text.isdigit()):
            return super().parse(text, field, notation)
        self._bound(int(text), field)
        return int(text)

    def read(self, text: str, field: Field, notation: str) -> Decimal | None:
        value = super().read(text, field, notation)
        return None if value is None or value.as_tuple().exponent else value

    def accept(self, value: Any, field: Field) -> int:
        return int(super().accept(value, field))

    def too_fine(self, scale: int) -> str:
        return f"must be {self.noun} like {self.example}"

    def to_json(self, value: Any, field: Field) -> Any:
        return value

    def json(self, field: Field) -> dict[str, Any]:
        low, high = field.options.get("min", 1 - LIMIT), field.options.get("max", LIMIT - 1)
        return {"type": "integer", "minimum": max(low, 1 - LIMIT), "maximum": min(high, LIMIT - 1)}

    def options(self, form: Notation, most: int, fewest: int) -> dict[str, Any] | None:
        return None if most else {}


Integer.settings = (
    setting("min", "Smallest", Integer()),
    setting("max", "Largest", Integer()),
)


class DecimalNumber(Number):
    """A number with a fixed number of decimals. Options: `scale`, `shown`, `format`, `min`, `max`."""

    name, noun, example, python = "decimal", "a number", "12.50", Decimal
    stored = Exact
    accepts = (
        "A number with up to as many decimals as the field has, 15 digits in all. A form also takes "
        "1.234,50 and 1,234.50, but asks where 1,234 can mean two numbers; percent may have its sign."
    )
    variants = {"percent": {"format": "percent"}}

    def sql_arguments(self, field: Field) -> tuple[Any, ...]:
        return (self.scale(field),)

    def claims(self, column: sa.Column[Any]) -> dict[str, Any] | None:
        if not isinstance(column.type, Exact):
            return None
        return {"scale": column.type.scale} if column.type.scale != 2 else {}

    def json(self, field: Field) -> dict[str, Any]:
        scale = self.scale(field)
        rest = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
        return {"type": "string", "pattern": f"^-?[0-9]{{1,{DIGITS - scale}}}{rest}$"}

    def taken(self, field: Field) -> dict[str, Any]:
        most = 10 ** (DIGITS - self.scale(field)) - 1
        whole = {"type": ["string", "integer"], "minimum": -most, "maximum": most}
        return {**self.json(field), **whole}

    def units(self, field: Field) -> tuple[str, ...]:
        return ("%",) if field.options.get("format") == "percent" else ()

    def shown_as(self, field: Field) -> Notation:
        return Notation("", ",", ".", " %" if self.units(field) else "")

    def unit_in(self, texts: Collection[str]) -> tuple[str, str]:
        first = next(iter(texts), "").strip()
        return "", re.sub(r".*?(\s?%?)[)-]?", r"\1", first) if "%" in first else ""

    def options(self, form: Notation, most: int, fewest: int) -> dict[str, Any] | None:
        percent = {"format": "percent"} if "%" in form.after else {}
        if not most and not percent or most >= DIGITS:
            return None
        return {"scale": max(most, 2), "shown": fewest, **percent}


DecimalNumber.settings = (
    setting("scale", "Decimals", Integer(), default="2", required=True, min=0, max=DIGITS - 1),
    setting("shown", "Decimals that are always shown", Integer(), min=0, max=DIGITS - 1),
    setting("min", "Smallest", DecimalNumber(), scale=6, shown=0),
    setting("max", "Largest", DecimalNumber(), scale=6, shown=0),
)


CODES = (
    "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KRW "
    "MXN MYR NOK NZD PHP PLN RON SAR SEK SGD THB TRY TWD UAH USD VND ZAR"
).split()
SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₺": "TRY"}


class Currency(FieldType):
    """Three letters: how Money is told its currency. No table has such a field."""

    name, noun, example, python = "currency", "one of the currencies", "EUR", str

    def read(self, text: str, field: Field, notation: str) -> str | None:
        return text.upper() if text.upper() in CODES else None

    def widget(self, field: Field) -> Any:
        return Options([(code, code) for code in CODES])


class Money(DecimalNumber):
    """An amount in one currency. Options: `currency` (three letters), and those of a decimal."""

    name, noun, example = "money", "an amount", "12.50"
    accepts = (
        "An amount in the currency of the field. A form also takes its sign or code, as in €12.50 "
        "and 12,50 EUR, and refuses those of another currency."
    )
    variants = {}
    settings = (
        setting("currency", "Currency", Currency(), default="EUR", required=True),
        *DecimalNumber.settings,
    )

    def currency(self, field: Field) -> str:
        """Three letters."""
        return str(field.options.get("currency", "EUR"))

    def units(self, field: Field) -> tuple[str, ...]:
        code = self.currency(field)
        return (code, *(sign for sign, known in SYMBOLS.items() if known == code))

    def refusal(self, text: str, found: list[Any], field: Field) -> str:
        other = [sign for sign in (*SYMBOLS, *CODES) if sign in text]
        if other and not set(other) & set(self.units(field)):
            return f"is in {self.currency(field)}; “{other[0]}” is another currency"
        return super().refusal(text, found, field)

    def shown_as(self, field: Field) -> Notation:
        code, *signs = self.units(field)
        return Notation(signs[0] if signs else f"{code} ", ",", ".", "")

    def unit_in(self, texts: Collection[str]) -> tuple[str, str]:
        bare = unsigned(next(iter(texts), "").strip())[1]
        found = re.fullmatch(r"([^0-9]*).*?([^0-9]*)", bare, re.DOTALL)
        return (found[1], found[2]) if found else ("", "")

    def options(self, form: Notation, most: int, fewest: int) -> dict[str, Any] | None:
        unit = (form.before + form.after).strip()
        code = SYMBOLS.get(unit, unit)
        if code not in CODES or most >= DIGITS:
            return None
        return {"currency": code, "scale": max(most, 2), "shown": fewest}
