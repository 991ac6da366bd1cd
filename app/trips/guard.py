"""A recorder must never break what it records: probes that fail switch themselves off and say so."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

FAILURES_ALLOWED = 3

switched_off: dict[str, str] = {}
"""Probes that failed too often: name → last error. Shown on the trip pages."""

Function = TypeVar("Function", bound=Callable[..., Any])


def guarded(function: Function) -> Function:
    """The same function, but an exception gives None; after three it is not called any more."""
    failures = 0
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"

    @functools.wraps(function)
    def probe(*args: Any) -> Any:
        nonlocal failures
        if failures >= FAILURES_ALLOWED:
            return None
        try:
            return function(*args)
        except Exception as error:
            failures += 1
            _say(name, error, failures)
            return None

    return probe  # type: ignore[return-value]


def _say(name: str, error: Exception, failures: int) -> None:
    text = f"{type(error).__name__}: {error}"
    if failures >= FAILURES_ALLOWED:
        switched_off[name] = text
    logging.getLogger("roundtrip.trips").warning(
        "recording: %s failed (%s of 3): %s", name, failures, text
    )
