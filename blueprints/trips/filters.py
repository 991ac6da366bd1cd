"""The filters of the list, as they stand in the address: read, and written back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from werkzeug.exceptions import BadRequest

LONGEST = 200


@dataclass(frozen=True)
class Filters:
    """Which trips are shown. Every field is a parameter of the address, and no other is known."""

    slow: int | None = None  # at least so many milliseconds
    errors: bool = False
    n1: bool = False
    person: str = ""
    route: str = ""
    q: str = ""
    quiet: bool = False
    page: int = 1
    live: bool = True  # asks again every two seconds

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return bool(self.slow or self.errors or self.n1 or self.person or self.route or self.q)

    @property
    def in_words(self) -> str:
        """`slower than 250 ms, with errors`."""
        said = [
            f"slower than {self.slow} ms" if self.slow else "",
            "with errors" if self.errors else "",
            "with N+1" if self.n1 else "",
            f"of “{self.person}”" if self.person else "",
            f"on the route {self.route}" if self.route else "",
            f"with “{self.q}” in its path" if self.q else "",
        ]
        return ", ".join(part for part in said if part)

    def address(self, **changes: Any) -> dict[str, Any]:
        """The parameters of the address of this list, with changes."""
        values = asdict(replace(self, **changes))
        said = {name: value for name, value in values.items() if value != getattr(Filters, name)}
        return {name: int(v) if isinstance(v, bool) else v for name, v in said.items()}


def read(args: Mapping[str, Sequence[str]]) -> Filters:
    """The filters in these parameters; raises BadRequest with words that name what is unknown."""
    known = [one.name for one in fields(Filters)]
    values: dict[str, Any] = {}
    for name, given in args.items():
        if name not in known:
            shown = ", ".join(known)
            raise BadRequest(f"The list of trips has no parameter “{name[:60]}”. It knows {shown}.")
        if len(given) > 1:
            raise BadRequest(f"“{name}” is given {len(given)} times; once is enough.")
        if given[0].strip():
            values[name] = _READ.get(name, _text)(name, given[0].strip())
    return Filters(**values)


def _number(name: str, text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) > 0:
        return int(text)
    raise BadRequest(f"“{name}” takes a whole number from 1 on, not “{text[:60]}”.")


def _yes(name: str, text: str) -> bool:
    if text in ("1", "0"):
        return text == "1"
    raise BadRequest(f"“{name}” takes 1 or 0, not “{text[:60]}”.")


def _text(name: str, text: str) -> str:
    if len(text) <= LONGEST:
        return text
    raise BadRequest(f"“{name}” takes at most {LONGEST} characters.")


_READ = {"slow": _number, "page": _number, "errors": _yes, "n1": _yes, "quiet": _yes, "live": _yes}
