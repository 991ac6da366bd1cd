"""`g` and the session tell the trip what a before-request function changes in them, by name only."""

from __future__ import annotations

from typing import Any

from flask.ctx import _AppCtxGlobals
from flask.sessions import SecureCookieSession

from app.trips import CURRENT
from app.trips.reading import SET
from app.trips.stages import BEFORE


class RecordingGlobals(_AppCtxGlobals):
    """Flask's `g`, which tells what is set or removed in it."""

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__
        if held.get(name, held) is not value:
            held[name] = value
            _note(name)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        _note(name)

    def pop(self, name: str, *default: Any) -> Any:
        """As in Flask."""
        if name in self.__dict__:
            _note(name)
        return super().pop(name, *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """As in Flask."""
        if name not in self.__dict__:
            _note(name)
        return super().setdefault(name, default)


class RecordingSession(SecureCookieSession):
    """Flask's session, which tells when it is marked as changed."""

    _modified = False

    @property
    def modified(self) -> bool:
        """As in Flask."""
        return self._modified

    @modified.setter
    def modified(self, value: bool) -> None:
        if value and not self._modified:
            _note(None)
        self._modified = value


def _note(name: str | None) -> None:
    trip = CURRENT.get()
    if trip is not None and trip.phase == BEFORE:
        trip.tape += (SET, name, 0)
