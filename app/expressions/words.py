"""An expression in words: what a rule says, for people who do not read code."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from datetime import date, datetime, time

from app.expressions import Expression
from app.expressions.reading import tree
from app.fields import Field

AROUND: Mapping[str, str] = {
    "me": "the person who asks", "me.name": "their name", "me.email": "their email",
    "me.roles": "their roles", "today": "today", "now": "now",
}  # fmt: skip
"""What the names are called that are no fields."""
SIGNS: Mapping[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("is", "is not"), ast.NotEq: ("is not", "is"),
    ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"),
    ast.In: ("is one of", "is none of"), ast.NotIn: ("is none of", "is one of"),
    ast.Lt: ("is less than", "is not less than"), ast.LtE: ("is at most", "is not at most"),
    ast.Gt: ("is more than", "is not more than"), ast.GtE: ("is at least", "is not at least"),
}  # fmt: skip
"""A comparison in words, and when it is negated."""
DATED: Mapping[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("is before", "is not before"), ast.LtE: ("is not after", "is after"),
    ast.Gt: ("is after", "is not after"), ast.GtE: ("is not before", "is before"),
}  # fmt: skip
"""The same between days and moments."""
ARITHMETIC: Mapping[type[ast.operator], str] = {
    ast.Add: "plus", ast.Sub: "minus", ast.Mult: "times", ast.Div: "divided by",
}  # fmt: skip
TESTS = {"contains": "contains", "startswith": "begins with"}
MADE = {
    "round": "{0} rounded", "abs": "{0} without its sign", "len": "the length of {0}",
    "lower": "{0} in small letters", "upper": "{0} in capitals", "year": "the year of {0}",
    "month": "the month of {0}", "date": "the day of {0}",
}  # fmt: skip
"""What functions give of one value."""
CHOSEN = {
    "min": "the least of {0}", "max": "the greatest of {0}",
    "coalesce": "the first of {0} that is not blank",
}  # fmt: skip
"""What they give of several."""


def of(expression: Expression) -> str:
    """An expression in words, beginning with a capital: `owner == me` is “Owner is the person who asks”."""
    found, source = tree(expression.text)
    writer = Writer(source.lstrip(), expression.names)
    is_condition = expression.value.kind == "yes-no"
    words = writer.condition(found) if is_condition else writer.value(found)
    return words[:1].upper() + words[1:]


class Writer:
    """Writes the parts of an expression; `names` are the fields by name, for their labels."""

    def __init__(self, source: str, names: Mapping[str, Field]) -> None:
        self.source, self.names = source, names

    # Conditions

    def condition(self, node: ast.expr, negated: bool = False) -> str:
        """What is yes or no."""
        match node:
            case ast.UnaryOp(op=ast.Not()):
                return self.condition(node.operand, not negated)
            case ast.Compare(ops=[sign]):
                return self._compared(node.left, sign, node.comparators[0], negated)
            case ast.Call(func=ast.Name(id=name)) if name in TESTS:
                return self._tested(node, negated)
            case ast.Name() | ast.Attribute():
                return f"{self.value(node)} is {'no' if negated else 'yes'}"
            case ast.Constant():
                return "always" if bool(node.value) != negated else "never"
        return f"it is not so that {self._joined(node)}" if negated else self._joined(node)

    def _joined(self, node: ast.expr) -> str:
        match node:
            case ast.BoolOp():
                word = " and " if isinstance(node.op, ast.And) else " or "
                return word.join(self._part(one) for one in node.values)
            case ast.Compare():
                sides = [node.left, *node.comparators]
                pairs = zip(sides, node.ops, sides[1:], strict=False)
                return " and ".join(self._compared(*pair) for pair in pairs)
            case ast.IfExp():
                yes, no = self.condition(node.body), self.condition(node.orelse)
                return f"(if {self.condition(node.test)}: {yes}; otherwise: {no})"
        return f"{self.value(node)} is yes"

    def _part(self, node: ast.expr) -> str:
        """A condition beside others; one that is joined itself stands in brackets."""
        words = self.condition(node)
        return f"({words})" if isinstance(node, ast.BoolOp) else words

    def _compared(
        self, left: ast.expr, sign: ast.cmpop, right: ast.expr, negated: bool = False
    ) -> str:
        dated = type(sign) in DATED and (self._is_dated(left) or self._is_dated(right))
        words = (DATED if dated else SIGNS)[type(sign)][negated]
        return f"{self.value(left)} {words} {self.value(right)}"

    def _is_dated(self, node: ast.expr) -> bool:
        if isinstance(node, ast.BinOp):  # a day moved by days is one; the days between two are not
            return self._is_dated(node.left) and not self._is_dated(node.right)
        found = self.names.get(ast.unparse(node))
        return found is not None and found.type.python in (date, datetime, time)

    def _tested(self, node: ast.Call, negated: bool) -> str:
        what, part = (self.value(one) for one in node.args)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if not negated:
            return f"{what} {TESTS[name]} {part}"
        return f"{what} does not {TESTS[name].replace('contains', 'contain').replace('begins', 'begin')} {part}"

    # Values

    def value(self, node: ast.expr) -> str:
        """What something is."""
        return VALUES.get(type(node), Writer._whether)(self, node)

    def _whether(self, node: ast.expr) -> str:
        return f"(whether {self.condition(node)})"

    def _constant(self, node: ast.Constant) -> str:
        if node.value is None or isinstance(node.value, bool):
            return {None: "blank", True: "yes", False: "no"}[node.value]
        if isinstance(node.value, str):
            plain = node.value.strip() == node.value and node.value.replace(" ", "").isalnum()
            return node.value if plain else f"“{node.value}”"
        return ast.get_source_segment(self.source, node) or str(node.value)

    def _named(self, node: ast.expr) -> str:
        name = ast.unparse(node)
        if name in AROUND:
            return AROUND[name]
        first, _, rest = name.partition(".")
        label = self.names[first].label if first in self.names else first
        return f"{label}’s {rest.replace('_', ' ')}" if rest else label

    def _called(self, node: ast.Call) -> str:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in TESTS:
            return self._whether(node)
        given = [self.value(one) for one in node.args]
        if name in CHOSEN:
            return CHOSEN[name].format(_listed(given, "and"))
        places = f" to {given[1]} decimals" if len(given) > 1 else ""
        return MADE.get(name, name + " of {0}").format(given[0]) + places

    def _operation(self, node: ast.BinOp) -> str:
        sides = [
            f"({self.value(one)})" if isinstance(one, ast.BinOp) else self.value(one)
            for one in (node.left, node.right)
        ]
        return f" {ARITHMETIC[type(node.op)]} ".join(sides)

    def _unary(self, node: ast.UnaryOp) -> str:
        if isinstance(node.op, ast.Not):
            return self._whether(node)
        return f"minus {self.value(node.operand)}"

    def _choice(self, node: ast.IfExp) -> str:
        test = self.condition(node.test)
        return f"({self.value(node.body)} if {test}, otherwise {self.value(node.orelse)})"

    def _several(self, node: ast.Tuple | ast.List) -> str:
        return _listed([self.value(one) for one in node.elts], "or")


VALUES: Mapping[type[ast.expr], Callable[..., str]] = {
    ast.Constant: Writer._constant,
    ast.Name: Writer._named,
    ast.Attribute: Writer._named,
    ast.Call: Writer._called,
    ast.BinOp: Writer._operation,
    ast.UnaryOp: Writer._unary,
    ast.IfExp: Writer._choice,
    ast.Tuple: Writer._several,
    ast.List: Writer._several,
}


def _listed(words: list[str], last: str) -> str:
    """`a, b or c`."""
    *others, end = words
    return f"{', '.join(others)} {last} {end}" if others else end
