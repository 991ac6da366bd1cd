"""Rules of addresses, made so that a start is quick."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

TREES = threading.Lock()
"""Held while Python makes syntax trees: before 3.11.9 two threads that do so at once may get a SystemError
(python/cpython#106905)."""


class LateRule(Rule):
    """A rule that compiles what builds its addresses when the first one is built.

    Werkzeug compiles two functions for each rule at once, a millisecond a rule. What is overridden
    here is private in Werkzeug: should it go, starts are slower and nothing else changes.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        name = "_build_unknown" if append_unknown else "_build"

        def build(rule: LateRule, /, **values: Any) -> tuple[str, str]:
            with TREES:
                compiled = super(LateRule, rule)._compile_builder(append_unknown)
            made = compiled.__get__(rule, None)
            setattr(rule, name, made)
            return made(**values)  # type: ignore[no-any-return]

        return build
