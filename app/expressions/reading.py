"""From a text to its tree and from the tree to a value: what may be written, and where it is wrong."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, NoReturn

import sqlalchemy as sa

from app.errors import Invalid
from app.expressions import functions, numbers
from app.expressions.functions import FUNCTIONS
from app.expressions.values import Value, alike, column, literal, made, need, yes_no
from app.fields import Field
from app.fields.text import CONTROLS
from app.rules import TREES

LONGEST, DEEPEST, MOST_PARTS = 1_000, 30, 250
TOO_DEEP = "This is too long or nested too deep; make two fields of it"

QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
ODD = (
    (re.compile(r"\\"), "A backslash has no place here"),
    (re.compile(f"[{CONTROLS}]"), "Here stands a character that cannot be seen; take it out"),
)
ODD_OUTSIDE = (
    (re.compile(r"[^\x00-\x7f]"), "Outside of quotes stand plain letters only"),
    (re.compile(r"(?<![A-Za-z0-9_.])[0-9][0-9.]*[A-Za-z_]"), "Write numbers as 1200 or 12.50"),
    (re.compile(r"[A-Za-z_]['\"]"), "Write texts in quotes alone, and put them together with +"),
)
"""What is looked for before Python reads the text; the second in what does not stand in quotes."""


class Refused(Invalid):
    """An expression that cannot be; `position` is the character where, from 1."""

    def __init__(self, words: str, position: int) -> None:
        super().__init__(f"{words.rstrip('.')} (character {position}).")
        self.position = position


# The text --------------------------------------------------------------------------------------


def tree(text: str) -> tuple[ast.expr, str]:
    """The tree of an expression, and the text that its places are in. Raises Refused."""
    if len(text) > LONGEST:
        raise Refused(
            f"An expression has up to {LONGEST:,} characters; this has {len(text):,}", LONGEST
        )
    source = re.sub("[\n\t]", " ", text)
    if not source.strip():
        raise Refused("An expression is needed, such as quantity * 2", 1)
    _look(source, ODD)
    _look(QUOTED.sub(lambda found: '"' * len(found[0]), source), ODD_OUTSIDE)
    blanks = len(source) - len(source.lstrip())
    try:
        with TREES:
            found = ast.parse(source[blanks:], mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _unreadable(source, blanks, error) from None
    size(found)
    return found, source


def _look(source: str, odd: Any) -> None:
    for pattern, words in odd:
        if found := pattern.search(source):
            raise Refused(words, found.start() + 1)


SIGNS = {
    "=": "Compare with ==, as in status == \"Open\"", "&": "Write and", "|": "Write or",
    "!": "Write not, or !=", "?": "Write a if condition else b", "<>": "Write !=", ";": "Take ; out",
    ":": "Write a if condition else b",
}  # fmt: skip


UNFINISHED = re.compile(r"(==|!=|<=|>=|[<>+*/-]|\b(?:and|or|not|in|if|else))\s*$")


def _unreadable(source: str, blanks: int, error: Exception) -> Refused:
    """Python's words are for programmers; the sign at the place says more."""
    place = blanks + max(getattr(error, "offset", None) or len(source) - blanks, 1)
    words = str(getattr(error, "msg", ""))
    if "never closed" in words or "unterminated" in words:
        return Refused("What is opened here is never closed", place)
    if not isinstance(error, SyntaxError) or "too many" in words:
        return Refused(TOO_DEEP, place)
    if unfinished := UNFINISHED.search(source):
        return Refused(f"Something is missing after {unfinished[1]}", place)
    there = source[place - 1 :]
    cure = next((SIGNS[sign] for sign in sorted(SIGNS, reverse=True) if there.startswith(sign)), "")
    return Refused(cure or "Something is missing here, or too much", place)


def size(root: ast.expr) -> int:
    """How many parts an expression has. Raises Refused for what would take the compiler too long."""
    level, parts = [root], 0
    for _ in range(DEEPEST):
        parts += len(level)
        level = [child for node in level for child in _children(node)]
    if level or parts > MOST_PARTS:
        raise Refused(TOO_DEEP, 1)
    return parts


def _children(node: ast.AST) -> Iterator[Any]:
    return (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))


# The tree --------------------------------------------------------------------------------------


class Reader:
    """Makes a value of a tree. `uses` counts the names that it has met."""

    def __init__(self, source: str, names: Mapping[str, Field], filled: Mapping[str, Any]) -> None:
        self.source, self.names, self.filled = source, names, filled
        self.uses: Counter[str] = Counter()
        self.blanks = len(source) - len(source.lstrip())

    def read(self, node: ast.expr) -> Value:
        """The value of a part. Raises Refused."""
        try:
            return READERS.get(type(node), _unknown)(self, node)
        except Refused:
            raise
        except Invalid as error:
            spot = {ast.BinOp: "right", ast.Compare: "comparators"}.get(type(node))
            there = getattr(node, spot) if spot else node
            at = self.position(there[0] if isinstance(there, list) else there)
            raise Refused(str(error), at) from None

    def position(self, node: ast.expr) -> int:
        """The character where a part begins; Python counts bytes."""
        before = self.source[self.blanks :].encode()[: node.col_offset]
        return self.blanks + len(before.decode()) + 1

    def named(self, name: str) -> Value:
        """What a name stands for. Raises Invalid with names that are alike."""
        if name not in self.names:
            raise Invalid(_no_such(name, self.names))
        self.uses[name] += 1
        return column(name, self.names[name], name in self.filled)


def _no_such(name: str, names: Mapping[str, Field]) -> str:
    by_lower = {one.lower(): one for one in names}
    near = [by_lower[one] for one in get_close_matches(name.lower(), by_lower, 1)]
    cure = f"did you mean {near[0]}?" if near else f"there are {', '.join([*names][:12])}"
    return f"There is no field “{name[:60]}”; {cure}"


def _unknown(_reader: Reader, node: ast.AST) -> NoReturn:
    raise Invalid(
        "This does not work here; what does is fields, numbers, texts, + - * /, comparisons, in, and, "
        f"or, not, a if b else c, and {', '.join(FUNCTIONS)}"
    )


def _constant(reader: Reader, node: ast.Constant) -> Value:
    found = node.value
    if found is None:
        return Value(made("text"), lambda _: sa.null(), "None", "empty")
    if isinstance(found, bool):
        return literal(found, made("yes-no"), str(found))
    if isinstance(found, str):
        return literal(found, made("text", max=len(found)), f"“{found[:30]}”")
    if isinstance(found, int | float):
        start = reader.position(node) - 1
        written = re.match("[0-9.]+", reader.source[start:])
        return numbers.constant(Decimal(written[0] if written else "0"))
    _unknown(reader, node)


def _name(reader: Reader, node: ast.Name) -> Value:
    if node.id in FUNCTIONS and node.id not in reader.names:
        raise Invalid(f"{node.id} is used as {FUNCTIONS[node.id].usage}")
    return reader.named(node.id)


def _attribute(reader: Reader, node: ast.Attribute) -> Value:
    if not isinstance(node.value, ast.Name):
        raise Invalid("A link is followed once, as in customer.name")
    return reader.named(f"{node.value.id}.{node.attr}")


def _call(reader: Reader, node: ast.Call) -> Value:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in FUNCTIONS:
        raise Invalid(f"There is no such function; there are {', '.join(FUNCTIONS)}")
    if node.keywords:
        raise Invalid(f"{name} is used as {FUNCTIONS[name].usage}")
    return functions.call(name, [reader.read(one) for one in node.args])


def _unary(reader: Reader, node: ast.UnaryOp) -> Value:
    one = reader.read(node.operand)
    if isinstance(node.op, ast.Not):
        need(one, "yes-no")
        return yes_no(lambda c: sa.not_(one.build(c)), one.filled)
    if not isinstance(node.op, ast.USub):
        _unknown(reader, node)
    return numbers.negated(need(one, "number"))


def _operation(reader: Reader, node: ast.BinOp) -> Value:
    sign = ARITHMETIC.get(type(node.op))
    one, other = reader.read(node.left), reader.read(node.right)
    if sign is None:
        raise Invalid("Only + - * / work here; a power is x * x, a remainder x - y * round(x / y)")
    if sign == "-" and {one.kind, other.kind} == {"date", "text"}:
        one, other = alike([one, other])
    if make := OPERATIONS.get((one.kind, sign, other.kind)):
        return make(one, other)
    works = "numbers, text + text, date + days, date - days and date - date"
    raise Invalid(f"{one} and {other}, which does not go with {sign}; what does is {works}")


ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
OPERATIONS: Mapping[tuple[str, str, str], Callable[[Value, Value], Value]] = {
    ("number", "+", "number"): lambda one, other: numbers.added("+", one, other),
    ("number", "-", "number"): lambda one, other: numbers.added("-", one, other),
    ("number", "*", "number"): numbers.multiplied,
    ("number", "/", "number"): numbers.divided,
    ("text", "+", "text"): functions.joined,
    ("date", "-", "date"): functions.between,
    ("date", "+", "number"): lambda one, other: functions.moved("+", one, other),
    ("date", "-", "number"): lambda one, other: functions.moved("-", one, other),
}


def _both(reader: Reader, node: ast.BoolOp) -> Value:
    parts = [need(reader.read(one), "yes-no") for one in node.values]
    join: Any = sa.and_ if isinstance(node.op, ast.And) else sa.or_
    return yes_no(
        lambda c: join(*(one.build(c) for one in parts)), all(one.filled for one in parts)
    )


def _choice(reader: Reader, node: ast.IfExp) -> Value:
    condition = need(reader.read(node.test), "yes-no")
    sides = [reader.read(node.body), reader.read(node.orelse)]
    return functions.one_of(
        sides, lambda found, c: sa.case((condition.build(c), found[0]), else_=found[1])
    )


def _comparison(reader: Reader, node: ast.Compare) -> Value:
    parts, left = [], node.left
    for sign, right in zip(node.ops, node.comparators, strict=True):
        parts.append(_compared(reader, left, sign, right))
        left = right
    if len(parts) == 1:
        return parts[0]
    return yes_no(lambda c: sa.and_(*(one.build(c) for one in parts)), all(p.filled for p in parts))


def _compared(reader: Reader, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> Value:
    one = reader.read(left)
    if isinstance(sign, ast.In | ast.NotIn):
        return _negated(_among(reader, one, right), isinstance(sign, ast.NotIn))
    other = reader.read(right)
    if isinstance(sign, ast.Is | ast.IsNot):
        if other.kind != "empty":
            raise Invalid("is goes with None only; compare with ==")
        return _negated(functions.blank(one), isinstance(sign, ast.IsNot))
    if isinstance(sign, ast.Eq | ast.NotEq):
        if "empty" in (one.kind, other.kind):
            raise Invalid("Write is None, or is not None")
        return _negated(functions.equal(one, other), isinstance(sign, ast.NotEq))
    return functions.ordered(ORDERS[type(sign)], one, other)


ORDERS: Mapping[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


def _negated(one: Value, negated: bool) -> Value:
    return yes_no(lambda c: sa.not_(one.build(c)), True) if negated else one


def _among(reader: Reader, one: Value, right: ast.expr) -> Value:
    if isinstance(right, ast.Tuple | ast.List) and right.elts:
        return functions.among(one, [reader.read(each) for each in right.elts])
    if isinstance(right, ast.Name | ast.Attribute):
        return functions.in_list(one, reader.read(right))
    raise Invalid('After in stands a list, as in status in ("Open", "Done"), or me.roles')


READERS: Mapping[type[ast.expr], Callable[[Reader, Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.UnaryOp: _unary,
    ast.BinOp: _operation,
    ast.BoolOp: _both,
    ast.IfExp: _choice,
    ast.Compare: _comparison,
}
"""All that an expression can be made of."""
