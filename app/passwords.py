"""What a new password must not be, and how many may be checked at the same time.

Nothing is asked but that it is long enough and hard to guess: any character counts, also a blank, none
has to be there, and nothing is cut off.
"""

from __future__ import annotations

import re
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from app.errors import Invalid, Unavailable

SHORTEST, LONGEST = 8, 128
COMMON = Path(__file__).parent / "data" / "common_passwords.txt"
READ_AS = str.maketrans("013457@$", "oieastas")
"""Digits and marks that are written in the place of letters."""
HARDER = "Choose one that is harder to guess: several words work well"
SHORTEST_OWN = 3
"""A part of a name or an email that is shorter is too usual to be held against a password."""


def check_new(password: str, *own: str) -> None:
    """Raise Invalid, saying what works, unless this may be the password of somebody with such data of
    their `own`: name, email, workspace."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise _refused(f"The password needs {SHORTEST} to {LONGEST} characters")
    if len(set(password)) < 4:
        raise _refused(HARDER)
    as_letters = password.translate(READ_AS)
    if is_common(password) or is_common(as_letters):
        raise _refused(f"Many people use this password. {HARDER}")
    if is_made_of(password, own) or is_made_of(as_letters, own):
        raise _refused(f"This password is made of a name or an email. {HARDER}")


def _refused(words: str) -> Invalid:
    return Invalid(errors=[("password", words)])


def is_common(password: str) -> bool:
    """Whether many people have it, also with other case, or with digits and marks around it."""
    folded = password.casefold()
    return not {folded, _bare(folded)}.isdisjoint(common())


@cache
def common() -> frozenset[str]:
    """The passwords that most people have, in lower case."""
    lines = COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#:"))


def is_made_of(password: str, own: tuple[str, ...]) -> bool:
    """Whether nothing is left of it but digits and marks, once the parts of these texts are taken out."""
    rest = _letters(password)
    for part in sorted({*map(_letters, own), *_parts(own)}, key=len, reverse=True):
        rest = rest.replace(part, "") if len(part) >= SHORTEST_OWN else rest
    return len(rest) < SHORTEST_OWN and rest != _letters(password)


def _parts(texts: tuple[str, ...]) -> set[str]:
    return {_letters(part) for text in texts for part in re.split(r"[\W_0-9]+", text)}


def _letters(text: str) -> str:
    """The letters of a text alone, without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if char.isalpha())


def _bare(text: str) -> str:
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)


# Checking --------------------------------------------------------------------------------------


class Room:
    """Where passwords are checked: `at_once` at the same time, as each takes a processor for a while.

    Whoever comes alone is never sent away. Of strangers who come while others are there, `burst` may
    wait, and then so many `a_second`: more would be nothing but guesses, and hold up everybody else.
    """

    def __init__(self, at_once: int = 2, burst: int = 30, a_second: float = 2) -> None:
        self.at_once = at_once
        self.turns = threading.BoundedSemaphore(at_once)
        self.lock = threading.Lock()
        self.burst, self.a_second = burst, a_second
        self.inside, self.left, self.filled, self.crowded_until = 0, float(burst), 0.0, 0.0

    @contextmanager
    def turn(self, known: bool = True) -> Iterator[None]:
        """One's turn to check a password. Raises Unavailable."""
        with self.lock:
            if not known:
                self.left -= self._price()
            self.inside += 1
        try:
            with self.turns:
                yield
        finally:
            with self.lock:
                self.inside -= 1

    def look(self) -> None:
        """Raise Unavailable where a stranger would be sent away now, before any other work is done."""
        with self.lock:
            self._price()

    def _price(self) -> int:
        """What a stranger takes of what is left: nothing when alone, if nobody was sent away just now."""
        now = time.monotonic()
        self.left = min(self.burst, self.left + (now - self.filled) * self.a_second)
        self.filled = now
        if not self.inside and now > self.crowded_until:
            return 0
        if self.left < 1:
            self.crowded_until = now + CROWDED_SECONDS
            raise Unavailable("Very many people are signing in. Try again in a few seconds.")
        return 1


CROWDED_SECONDS = 1
room = Room()
"""That of this process."""
