"""What is found out about one column, block by block, and the guess that is made of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat

from app.fields import BLANKS, TYPES, Field, Guess, guess
from app.fields.lanes import Lane, lane
from app.sheets.header import TYPED

DISTINCT = 5_000
"""Texts of a column that are kept; more are held against the guess in another pass."""


class Gathered:
    """One column. `texts` are the distinct ones, `whole` while all of them are kept; `refused` are those
    that the guess cannot keep, `lane` is its quick lane; `erred` says that #N/A is an error here."""

    def __init__(self, heading: str = "") -> None:
        self.heading, self.texts, self.whole = heading, dict[str, None](), True
        self.filled = self.blank_words = 0
        self.longest, self.guessed, self.refused = "", guess([]), set[str]()
        self.lane: Lane | None = None
        self.erred = False
        self.ways: list[tuple[Callable[[str, Field, str], bool], Field, str]] = []

    def add(self, texts: tuple[str, ...]) -> None:
        """More cells."""
        bare = list(map(str.strip, texts))
        self.filled += len(bare) - bare.count("")
        self.blank_words += sum(map(BLANKS.__contains__, bare))
        if self.whole:
            self.texts.update(dict.fromkeys(texts))
            self.whole = len(self.texts) <= DISTINCT
        if not self.whole:
            self.longest = max(self.longest, max(texts, key=len), key=len)

    def guess(self) -> None:
        """Guess from what there is; a text that nothing can hold has no say."""
        texts = [text for text in dict.fromkeys([*self.texts, self.longest]) if text.strip()]
        self._take(texts)
        if self.refused:
            self._take([text for text in texts if _storable(text)])
            self.refused = {text for text in texts if not self.fits(text)}

    def _take(self, texts: list[str]) -> None:
        """Few texts are guessed with how often they come, which makes a choice of them."""
        more = self.filled - len(texts) if self.whole and 0 < len(texts) <= 30 else 0
        self.guessed = guess([*texts, *repeat(texts[0], more)] if more > 0 else texts, self.heading)
        if self.erred and self.guessed.blanks:  # the error #N/A is no blank
            self.guessed = guess([*texts, "#NULL!"], self.heading)
        best = self.guessed.best
        self.lane = None if self.guessed.question else lane(best.field(), best.notation)
        ways = self.guessed.question or [self.guessed.best]
        self.ways = [(one.type.prints_back, one.field(), one.notation) for one in ways]
        self.refused = {text for text in texts if not self.fits(text)}

    def almost(self) -> tuple[Guess, list[str]] | None:
        """What a column of text would be without a few of its values, and these."""
        best = self.guessed.best
        values = [one for one in self.texts if one.strip() and one.strip() not in BLANKS]
        few = [one for one in values if not TYPED.fullmatch(one.strip())]
        rare = 0 < len(few) <= max(3, len(values) // 20) and len(few) * 3 <= len(values)
        if best.type.family != "text" or best.options or not rare:
            return None
        way = guess([one for one in values if one not in few], self.heading).best
        return None if way.type.family == "text" else (way, few)

    def fits(self, text: str) -> bool:
        """Whether the guess keeps the text, and so do all that are asked about."""
        if text.strip() in self.guessed.blanks:
            return True
        return all(prints_back(text, field, way) for prints_back, field, way in self.ways)


def _storable(text: str) -> bool:
    """Whether there is a type that keeps the text; long text keeps the most."""
    widest = Guess(TYPES["long-text"], {"max": len(text)}, "", "")
    return widest.type.prints_back(text, widest.field(), "")
