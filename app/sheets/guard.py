"""The guard against formulas: a text that a spreadsheet would take for one begins with an apostrophe.

A text is dangerous where the first character that is no apostrophe is one of = + - @, a tab or a line
break, also in the wide forms of East Asia. Exactly the dangerous texts get one apostrophe more, and
exactly they lose one again, so whatever came in comes out; all other texts stay as they are.
"""

from __future__ import annotations

import re

GUARD = "'"
FIRST = frozenset("'=+-@\t\r\n＝＋－＠")
DANGEROUS = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
ANY_DANGEROUS = re.compile(f"\0{DANGEROUS.pattern}")
"""One of several texts, each after a NUL."""
GUARDED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")


def guarded(text: str) -> str:
    """The text as a spreadsheet may have it."""
    return GUARD + text if text[:1] in FIRST and DANGEROUS.match(text) else text


def unguarded(text: str) -> str:
    """The text as it was before `guarded`."""
    return text[1:] if GUARDED.match(text) else text
