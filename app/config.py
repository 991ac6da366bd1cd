"""Settings: one table that the start, the manual and the tests read.

Environment first (`ROUNDTRIP_<NAME>`), then `<name> = …` in `instance/config.toml`, then the default.
A name nobody knows stops the start, so that a typing mistake never runs silently with a default.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

CHECKOUT = Path(__file__).resolve().parent.parent
PREFIX = "ROUNDTRIP_"


class StartError(SystemExit):
    """The app cannot start; its text says why and what works.

    Where nobody catches it, Python prints the text and ends with status 1, without a traceback.
    gunicorn starts a worker again for ever after every status but 3.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        if "gunicorn" in sys.modules:
            print(text, file=sys.stderr, flush=True)  # noqa: T201
            self.code = 3


class SettingError(StartError):
    """A setting that cannot be used; its text names the setting and what works."""


class Setting(NamedTuple):
    """One row of the table: `read` turns text into the value or raises ValueError saying what works."""

    name: str
    read: Callable[[str], Any]
    default: Any
    help: str


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.strip().isdecimal() and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low:,} to {high:,}")
        return int(text)

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError("one of " + ", ".join(words))
        return text

    return read


def _switch(text: str) -> bool:
    if text.lower() not in {"on", "off", "true", "false", "1", "0"}:
        raise ValueError("on or off")
    return text.lower() in {"on", "true", "1"}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _folders(text: str) -> tuple[Path, ...]:
    found = tuple(Path(part).resolve() for part in text.split(os.pathsep) if part.strip())
    if missing := [str(folder) for folder in found if not folder.is_dir()]:
        raise ValueError(f"folders that exist; there is no folder {missing[0]}")
    return found


def read_rate(text: str) -> str:
    """A count and a period, or off. Raises ValueError saying what works."""
    if text == "off":
        return text
    from limits import parse_many  # imported here: most starts keep the default

    try:
        (_only,) = parse_many(text)
    except ValueError:
        raise ValueError("one count and period like 10/5 minutes, or off") from None
    return text


def _origins(text: str) -> tuple[str, ...]:
    found = tuple(one.rstrip("/") for one in _words(text))
    if wrong := [one for one in found if not re.fullmatch(r"https?://[a-z0-9.\-]+(:\d+)?", one)]:
        raise ValueError(
            "addresses like https://tools.example.com, parted by spaces, each in small letters and "
            f"without a path; {wrong[0][:60]} is none"
        )
    return found


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("a time zone like Europe/Berlin or UTC") from None
    return text


def _database(text: str) -> str:
    text = _url("sqlite", "postgresql")(text)
    try:
        make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("an address like postgresql://name:password@host:5432/database") from None
    return text


def _mail(text: str) -> str:
    text = _url("smtp", "smtps")(text)
    try:
        parts = urlsplit(text)
        if not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError:
        raise ValueError("an address like smtp://name:password@host:587") from None
    return text


def _url(*schemes: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError("an address beginning with " + " or ".join(f"{s}://" for s in schemes))
        return text.rstrip("/") if schemes[0] == "http" else text

    return read


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "INSTANCE",
        str,
        str(CHECKOUT / "instance"),
        "Folder of everything this installation owns: database, key, trips. Made at the first start.",
    ),
    Setting(
        "DATABASE_URL",
        _database,
        "",
        "Database, as sqlite:///… or postgresql://…; by default roundtrip.sqlite in the instance folder.",
    ),
    Setting(
        "REDIS_URL",
        _url("redis", "rediss"),
        "",
        "Redis for limits that several processes share and for the queue of jobs; without it each process "
        "counts alone, and the queue is a file.",
    ),
    Setting(
        "HOST", str, "127.0.0.1", "Address to listen on. 0.0.0.0 opens the app to the network."
    ),
    Setting("PORT", _whole(0, 65535), 8000, "Port to listen on; 0 takes a free one."),
    Setting(
        "THREADS", _whole(1, 256), 4, "Requests worked on at the same time; more wait in the queue."
    ),
    Setting(
        "PUBLIC_URL",
        _url("http", "https"),
        "",
        "Address people type, used in links that leave the app, such as the set-up link.",
    ),
    Setting(
        "TRUSTED_HOSTS",
        _words,
        (),
        "Host names this app answers to, parted by spaces; a leading dot takes subdomains. Empty: every host.",
    ),
    Setting(
        "PROXIES",
        _whole(0, 10),
        0,
        "Number of trusted proxies in front, whose X-Forwarded headers count.",
    ),
    Setting(
        "SECRET_KEY",
        str,
        "",
        "Key that signs cookies; by default made at the first start into the instance folder.",
    ),
    Setting(
        "SECRET_KEY_FALLBACKS",
        _words,
        (),
        "Earlier keys whose cookies still count, while a key is being changed.",
    ),
    Setting(
        "MAIL_URL",
        _mail,
        "",
        "Mail server, as smtp://name:password@host:587?from=tools@example.com, or smtps://…; by default mails "
        "are files in the folder mail of the instance.",
    ),
    Setting(
        "MAX_UPLOAD_MB",
        _whole(1, 10_000),
        100,
        "Largest request body in MB; a larger one is answered with 413.",
    ),
    Setting("TIMEZONE", _zone, "UTC", "Time zone of the workspace, in which days begin and end."),
    Setting(
        "WORKER",
        _one_of("child", "none"),
        "child",
        "Who runs background jobs: a child process of the server, or, with none, `flask worker` by itself.",
    ),
    Setting("TRIPS", _one_of("on", "off"), "on", "Record the trip of each request."),
    Setting(
        "SIGNIN_RATE",
        read_rate,
        "10/5 minutes",
        "Failed sign-ins allowed per account and per address; off switches the throttle off.",
    ),
    Setting(
        "API_RATE",
        read_rate,
        "600/minute",
        "Requests to the API allowed per key, per person in a browser, and per address of strangers; off "
        "switches the limit off. A role can have one of its own.",
    ),
    Setting(
        "CORS",
        _origins,
        (),
        "Other sites whose pages may use the API with a key, such as https://reports.example.com, parted by "
        "spaces. Empty: none.",
    ),
    Setting("LOG_FORMAT", _one_of("text", "json"), "text", "Form of the one log line a request."),
    Setting(
        "SAFE_MODE", _switch, False, "Skip drop-in blueprints, to start in spite of a broken one."
    ),
    Setting(
        "PLUGIN_DIRS", _folders, (), "Further folders of drop-in blueprints, parted as in PATH."
    ),
)


def load(app: Flask, overrides: Mapping[str, Any]) -> None:
    """Read all settings into `app.config["ROUNDTRIP_…"]` and set what Flask itself needs to know.

    Raises SettingError.
    """
    instance = Path(_value(SETTINGS[0], overrides, {})).resolve()
    try:
        instance.mkdir(parents=True, exist_ok=True)
        in_file = _read_file(instance / "config.toml")
        _refuse_unknown(overrides, in_file)
        for setting in SETTINGS:
            app.config[PREFIX + setting.name] = _value(setting, overrides, in_file)
        _refuse_missing_packages(app.config)
        app.config[PREFIX + "INSTANCE"] = instance
        app.instance_path = str(instance)
        app.config.from_mapping(_for_flask(app.config, instance))
    except OSError as error:
        why = f"{error.strerror or error}: {error.filename or instance}"
        raise SettingError(f"The instance folder cannot be used. {why}") from None
    app.config.update({k: v for k, v in overrides.items() if k in _FLASK_OVERRIDES})


_FLASK_OVERRIDES = {"TESTING", "DEBUG", "WTF_CSRF_ENABLED", "PROPAGATE_EXCEPTIONS"}


def _value(setting: Setting, overrides: Mapping[str, Any], in_file: Mapping[str, Any]) -> Any:
    if setting.name in overrides:
        return overrides[setting.name]
    raw = os.environ.get(PREFIX + setting.name, in_file.get(setting.name.lower()))
    if raw is None or raw == "":
        return setting.default
    between = os.pathsep if setting.read is _folders else " "
    text = between.join(map(str, raw)) if isinstance(raw, list) else str(raw)
    try:
        return setting.read(text)
    except ValueError as error:
        shown = _without_password(text)
        raise SettingError(f"{PREFIX}{setting.name} is {shown!r}, but must be {error}.") from None


def _without_password(text: str) -> str:
    """An address as it may be printed: what stands before the host and after a question mark is left out."""
    before, at, rest = text.rpartition("@")
    return f"…@{rest.partition('?')[0]}" if at else text.partition("?")[0]


def _read_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    import tomllib  # late, as most instances have no such file

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name.lower(): value for name, value in found.items()}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read: {error}.") from None


def _refuse_unknown(overrides: Mapping[str, Any], in_file: Mapping[str, Any]) -> None:
    if "instance" in in_file:
        where = "The instance folder cannot be set in its own config.toml."
        raise SettingError(f"{where} Set {PREFIX}INSTANCE in the environment, or use --instance.")
    known = {setting.name for setting in SETTINGS}
    given = [name.removeprefix(PREFIX) for name in os.environ if name.startswith(PREFIX)]
    given += [name for name in overrides if name not in _FLASK_OVERRIDES]
    for name, shown in [(n, PREFIX + n) for n in given] + [(n.upper(), n) for n in in_file]:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            near = PREFIX + near if shown.startswith(PREFIX) else near.lower()
            raise SettingError(f"There is no setting {shown}. The nearest name is {near}.")


def _refuse_missing_packages(config: Mapping[str, Any]) -> None:
    for name, scheme, package, install in (
        ("DATABASE_URL", "postgresql", "psycopg", '"psycopg[binary]"'),
        ("REDIS_URL", "redis", "redis", "redis"),
    ):
        if config[PREFIX + name].startswith(scheme) and find_spec(package) is None:
            needs = f"{PREFIX}{name} needs the package {package}, which is not installed here."
            raise SettingError(f"{needs} Run: pip install {install}")


def _for_flask(config: Mapping[str, Any], instance: Path) -> dict[str, Any]:
    database = (
        config[PREFIX + "DATABASE_URL"] or f"sqlite:///{(instance / 'roundtrip.sqlite').as_posix()}"
    )
    https = config[PREFIX + "PUBLIC_URL"].startswith("https://")
    return {
        "SECRET_KEY": config[PREFIX + "SECRET_KEY"] or _own_key(instance / "secret_key"),
        "SECRET_KEY_FALLBACKS": list(config[PREFIX + "SECRET_KEY_FALLBACKS"]),
        "SQLALCHEMY_DATABASE_URI": database.replace("postgresql://", "postgresql+psycopg://", 1),
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "hide_parameters": True,  # errors carry them into logs and trips
            "max_overflow": -1,  # the server's threads are the limit, none waits for a connection
            "pool_use_lifo": True,  # the one used last has what it needs at hand
        },
        "MAX_CONTENT_LENGTH": config[PREFIX + "MAX_UPLOAD_MB"] * 1_000_000,
        "SESSION_COOKIE_NAME": "__Host-roundtrip" if https else "roundtrip",
        "SESSION_COOKIE_SECURE": https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": 60
        * 86_400,  # the row ends it: sessions.IDLE, sessions.ABSOLUTE
        "SESSION_REFRESH_EACH_REQUEST": False,
        "TEMPLATES_AUTO_RELOAD": None,
    }


def _own_key(path: Path) -> str:
    """The key in the instance folder, made once; two first starts at the same moment agree on one."""
    try:
        with open(path, "x", encoding="ascii", opener=_private) as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    for _ in range(100):  # another first start may be writing it at this moment
        if key := path.read_text(encoding="ascii"):
            return key
        time.sleep(0.01)
    raise SettingError(f"{path} is empty. Delete it, and a new key is made at the next start.")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
