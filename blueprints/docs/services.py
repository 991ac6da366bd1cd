"""What the manual tells, read from the code that does it."""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import click
from flask import current_app

from app import database, errors, headers, hooks, invites, people, sessions, throttle, trips
from app.config import CHECKOUT, PREFIX, SETTINGS
from app.fields import TYPES, FieldType
from app.permissions import WORKSPACE_RIGHTS, Actor, may, right_of
from app.sheets.merging import MODES
from app.tables.table import ACCESS
from app.trips import guard, keeper, redact, report, store, trip
from app.trips.recording import name_of
from app.trips.stages import STAGES, TITLES

Named = list[tuple[str, str]]
"""Names, each with a sentence."""


class SettingLine(NamedTuple):
    """A setting as the manual shows it; `default` is empty where there is none."""

    name: str
    in_file: str
    default: str
    help: str


class Command(NamedTuple):
    """A command with everything that can be typed after it."""

    name: str
    usage: str
    help: str
    options: Named


class Right(NamedTuple):
    """A right, who has it, and the addresses that need it."""

    name: str
    who: str
    addresses: list[str]


# Settings and commands -------------------------------------------------------------------------


def field_types() -> list[FieldType]:
    """Every type of field, the plainest first."""
    return list(reversed(TYPES.values()))


def address_words() -> Named:
    """Every lookup, with the words that pages use for it."""
    found = {name: one.words for kind in field_types() for name, one in kind.lookups.items()}
    return list(found.items())


def merge_modes() -> Named:
    """The modes of `flask sheet import`."""
    return list(MODES.items())


def accesses() -> Named:
    """Who may use a table."""
    return list(ACCESS.items())


def settings() -> list[SettingLine]:
    """Every setting."""
    return [
        SettingLine(PREFIX + one.name, one.name.lower(), _shown(one.default), one.help)
        for one in SETTINGS
    ]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    text = str(value) if isinstance(value, int) or value else ""
    return text.removeprefix(f"{CHECKOUT}{os.sep}")


def default_of(name: str) -> str:
    """The default of one setting, as it is typed."""
    return next(line.default for line in settings() if line.name == PREFIX + name)


def commands() -> list[Command]:
    """Every command of this app, the core's and the blueprints'."""
    return list(_commands(current_app.cli, "flask"))


def _commands(group: click.Group, above: str) -> Iterator[Command]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from _commands(command, f"{above} {name}")
        else:
            yield _described(command, f"{above} {name}")


def _described(command: click.Command, name: str) -> Command:
    context = click.Context(command, info_name=name)
    records = [one.get_help_record(context) for one in command.params]
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    options = [one for one in records if one and one[1]]
    return Command(name, usage, inspect.cleandoc(command.help or ""), options)


# What a request meets --------------------------------------------------------------------------


def stages() -> Named:
    """The nine stages: the name that programs see, and the title that people see."""
    return list(zip(STAGES, TITLES, strict=True))


def before() -> Named:
    """The core's before-request functions in running order."""
    return _named(hooks.BEFORE)


def after() -> Named:
    """The core's after-request functions in running order."""
    return _named(hooks.AFTER)


def _named(functions: Iterable[Callable[..., Any]]) -> Named:
    return [(name_of(one), inspect.getdoc(one) or "") for one in functions]


def error_classes() -> list[tuple[str, int, str]]:
    """The errors that services raise: class, status, meaning."""
    named = [one for one in vars(errors).values() if isinstance(one, type)]
    classes = [
        one for one in named if issubclass(one, errors.AppError) and one is not errors.AppError
    ]
    rows = [(one.__name__, one.status, inspect.getdoc(one) or "") for one in classes]
    return sorted(rows, key=lambda row: row[1])


def rights() -> list[Right]:
    """Every right that an address needs or that only administrators have."""
    needed: dict[str, list[str]] = {name: [] for name in sorted(WORKSPACE_RIGHTS)}
    for rule in current_app.url_map.iter_rules():
        right = right_of(current_app.view_functions[rule.endpoint])
        if right:
            needed.setdefault(right[0], []).append(rule.rule)
    return [Right(name, _who_has(name), sorted(rules)) for name, rules in sorted(needed.items())]


def _who_has(right: str) -> str:
    if may(None, right):
        return "everybody, also without signing in"
    return "every member" if may(Actor(1, "", ""), right) else "administrators"


def security_headers() -> Named:
    """The headers that make browsers cautious."""
    return list(headers.SECURITY_HEADERS.items())


# Trips -----------------------------------------------------------------------------------------


def trip_functions() -> Named:
    """What any code may call, as it is written, with its sentence."""
    return _signatures(trips)


def checks() -> Named:
    """What a test can say about a trip."""
    from app.trips.testing import TripCheck  # imports pytest, which a start need not

    return _signatures(TripCheck)


def _signatures(owner: Any) -> Named:
    """The functions that are defined in a module or class, less those for its own use."""
    module = owner.__name__ if inspect.ismodule(owner) else owner.__module__
    functions = [
        (name, one)
        for name, one in vars(owner).items()
        if inspect.isfunction(one) and one.__module__ == module and name[0] != "_"
    ]
    return [(_typed(name, one), inspect.getdoc(one) or "") for name, one in functions]


def _typed(name: str, function: Callable[..., Any]) -> str:
    taken = [one for one in inspect.signature(function).parameters if one != "self"]
    return f"{name}({', '.join(taken)})"


def kept_headers() -> tuple[list[str], list[str]]:
    """The headers of which a trip keeps the value: of the request, and of the answer."""
    return list(redact.HEADERS.values()), sorted(redact.RESPONSE_HEADERS)


def kept_parameters() -> list[str]:
    """The query parameters of which a trip keeps the value."""
    return sorted(redact.QUERY_VALUES)


def own_trip_fields() -> list[str]:
    """What a person without the right `trips` sees of a trip of their own."""
    return sorted(report.LIMITED)


def limits() -> dict[str, int]:
    """The numbers that the manual names, from where they work."""
    kept: keeper.Keeper = current_app.extensions["trips"]
    return {
        "idle_days": sessions.IDLE // timedelta(days=1),
        "session_days": sessions.ABSOLUTE // timedelta(days=1),
        "seen_minutes": sessions.SEEN_EVERY // timedelta(minutes=1),
        "device_days": throttle.DEVICE_DAYS,
        "invite_days": invites.DAYS,
        "reset_minutes": people.RESET_MINUTES,
        "busy_seconds": database.BUSY_SECONDS,
        "spans": trip.MAX_SPANS,
        "logs": trip.MAX_LOGS,
        "text": trip.MAX_TEXT,
        "recent": kept.recent.maxlen or 0,
        "errors": kept.errors.maxlen or 0,
        "quiet": kept.quiet.maxlen or 0,
        "slow_ms": keeper.SLOW_NS // 1_000_000,
        "sample": keeper.SAMPLE,
        "days": store.MAX_DAYS,
        "trips": store.MAX_TRIPS,
        "mb": store.MAX_BYTES // 1_000_000,
        "queue": store.QUEUE,
        "lazy": report.LAZY_LOADS_MEAN_N_PLUS_ONE,
        "failures": guard.FAILURES_ALLOWED,
    }


# Files of the checkout -------------------------------------------------------------------------


def text(path: str) -> str:
    """A file of the checkout; empty where it is missing, since a blueprint may have been removed."""
    file = CHECKOUT / path
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def excerpt(path: str, name: str) -> str:
    """A function or class of a Python file, `Class.method` too; empty where it is missing."""
    lines, found = text(path).splitlines(), ast.parse(text(path))
    for part in name.split("."):
        inside = (node for node in getattr(found, "body", []) if getattr(node, "name", "") == part)
        found = next(inside, ast.Module([], []))
    if not isinstance(found, ast.FunctionDef | ast.ClassDef):
        return ""
    first = min([found.lineno, *(one.lineno for one in found.decorator_list)])
    return inspect.cleandoc("\n".join(["", *lines[first - 1 : found.end_lineno]]))


def steps_in(path: str) -> str:
    """The comment at the head of a file: in `deploy/` it says what to type."""
    found = []
    for line in text(path).splitlines():
        if not line.startswith("#"):
            break
        found.append(line.removeprefix("#").removeprefix(" "))
    return "\n".join(found)


def fixtures() -> Named:
    """The fixtures that every test may ask for."""
    functions = [
        n for n in ast.parse(text("tests/conftest.py")).body if isinstance(n, ast.FunctionDef)
    ]
    wanted = [one for one in functions if "pytest.fixture" in map(ast.unparse, one.decorator_list)]
    return [(one.name, ast.get_docstring(one) or "") for one in wanted]
