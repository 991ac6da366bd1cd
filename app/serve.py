"""Serving with Waitress: one process, a few threads, nothing else installed."""

from __future__ import annotations

import gc
import logging
import select
import signal
import socket
import time
from typing import Any

import click
from flask import Flask
from flask.helpers import get_debug_flag
from werkzeug.serving import is_running_from_reloader

from app import database, logs, worker
from app.config import StartError
from app.threads import warm

DRAIN_SECONDS = 25
# Where there is no poll(), as on Windows, select() takes no more than 512 sockets.
SELECT_LIMIT = 500


def serve(
    app: Flask, host: str | None = None, port: int | None = None, threads: int | None = None
) -> None:
    """Upgrade the database, then serve until Ctrl-C or SIGTERM. Ends the process with one line if it cannot."""
    logs.use_utf8()
    logs.show_requests()
    from app.trips.server import create_server  # not above: another server needs no Waitress

    host = host or app.config["ROUNDTRIP_HOST"]
    port = app.config["ROUNDTRIP_PORT"] if port is None else port
    _upgrade(app)
    try:
        server = create_server(app, sockets=_sockets(host, port), **_options(app, threads))
    except OSError as error:
        why = f"Port {port} on {host} cannot be used: {error.strerror or error}."
        raise SystemExit(
            f"{why} Try another one: python run.py --port {(port or 8000) + 1}"
        ) from None
    warm(server.task_dispatcher)
    port = getattr(server, "effective_port", None) or server.effective_listen[0][1]
    _announce(app, _address(app, host, port))
    signal.signal(signal.SIGTERM, _stop)
    supervisor = worker.supervise(app)
    _run(server)  # returns after Ctrl-C or SIGTERM, when what was being answered is answered
    if supervisor:
        supervisor.stop()
    app.extensions["trips"].store.flush()


def _run(server: Any) -> None:
    """Serve until Ctrl-C or SIGTERM. Waitress's own `run` would then wait for its threads for five
    seconds only, and send nothing of an answer that the client has not yet taken."""
    from waitress import wasyncore

    gc.freeze()  # what is here now stays: the collector need not walk through it again and again
    sockets = getattr(server, "map", None) or server._map
    poll = server.adj.asyncore_use_poll
    try:
        wasyncore.loop(timeout=server.adj.asyncore_loop_timeout, map=sockets, use_poll=poll)
    except (SystemExit, KeyboardInterrupt):
        _drain(sockets, poll)
        server.task_dispatcher.shutdown(timeout=1)


def _drain(sockets: dict[int, Any], poll: bool) -> None:
    """Take nothing new, and end what has begun, for up to DRAIN_SECONDS."""
    from waitress import wasyncore
    from waitress.channel import HTTPChannel

    until = time.monotonic() + DRAIN_SECONDS
    for listener in [one for one in sockets.values() if one.accepting]:
        wasyncore.dispatcher.close(listener)
    busy: list[Any] = list(sockets.values())
    while busy and time.monotonic() < until:
        channels = [one for one in sockets.values() if isinstance(one, HTTPChannel)]
        busy = [one for one in channels if one.requests or one.total_outbufs_len]
        for idle in set(channels) - set(busy):
            idle.will_close = True
        wasyncore.loop(timeout=0.1, map=sockets, use_poll=poll, count=1)


def prepare(app: Flask) -> None:
    """For an app that another program serves or a command has loaded.

    `flask run` gets its schema upgraded and the set-up link printed, as with `serve`. Any other command
    does what it does. Another WSGI server may be several processes, so it upgrades nothing: an old
    schema ends its start.
    """
    command = click.get_current_context(silent=True)
    if command is not None:
        logs.use_utf8()
        if command.info_name == "run":
            _upgrade(app)
            if is_running_from_reloader() or not _reloads(command.params):
                _announce(app, _address(app, command.params["host"], command.params["port"]))
                worker.supervise(app)
        return
    logs.show_requests()
    with app.app_context():
        try:
            database.require_ready(app)
        except database.SchemaError as error:
            raise StartError(str(error)) from None


def _reloads(options: dict[str, Any]) -> bool:
    """Whether `flask run` starts a second process that serves, which then says where the app is."""
    return bool(get_debug_flag() if options["reload"] is None else options["reload"])


def _upgrade(app: Flask) -> None:
    with app.app_context():
        try:
            logging.getLogger("roundtrip").info(database.upgrade(app))
        except database.SchemaError as error:
            raise StartError(str(error)) from None


def _sockets(host: str, port: int) -> list[socket.socket]:
    """Bound here, since Waitress would set SO_REUSEADDR on Windows too, where that lets two servers
    share a port. There the opposite is asked for; elsewhere it is what a quick restart needs."""
    option = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    bound = []
    for family, address in dict.fromkeys((one[0], one[4]) for one in found):
        sock = socket.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        bound.append(sock)
    return bound


def _options(app: Flask, threads: int | None) -> dict[str, Any]:
    poll = hasattr(select, "poll")
    return {
        "threads": threads or app.config["ROUNDTRIP_THREADS"],
        "max_request_body_size": app.config["MAX_CONTENT_LENGTH"] + 1,
        "max_request_header_size": 65_536,
        "connection_limit": 1_000 if poll else SELECT_LIMIT,
        "asyncore_use_poll": poll,
        "channel_timeout": 60,
        "clear_untrusted_proxy_headers": app.config["ROUNDTRIP_PROXIES"] == 0,
        "expose_tracebacks": False,
        "ident": None,
    }


def _address(app: Flask, host: str, port: int) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "", "::") else f"[{host}]" if ":" in host else host
    return app.config["ROUNDTRIP_PUBLIC_URL"] or f"http://{shown}:{port}"


def _announce(app: Flask, address: str) -> None:
    """Say where the app is; blueprints add what matters at a start, such as the set-up link."""
    lines = [f"Roundtrip serves {address}   (stop with Ctrl-C)"]
    with app.app_context():
        for say in app.extensions["announcements"]:
            lines += say(address)
    print("\n".join(lines), flush=True)  # noqa: T201


def _stop(*_: Any) -> None:
    raise SystemExit(0)
