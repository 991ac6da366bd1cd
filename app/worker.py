"""Workers: `flask worker`, and the one that the server starts beside itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

from flask import Flask

from app import jobs
from app.config import CHECKOUT

SWEEP_SECONDS = 5


def work(app: Flask, threads: int = 1, child: bool = False) -> None:
    """Run jobs until Ctrl-C or SIGTERM; as a child, until the server that started it is gone."""
    from huey.consumer import Consumer

    queue = jobs.queue_of(app)
    consumer = Consumer(
        queue.huey, workers=threads, periodic=False, backoff=1.2, max_delay=0.5,
        check_worker_health=True,
    )  # fmt: skip
    threading.Thread(target=_sweep, args=(app,), daemon=True).start()
    if child:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    consumer.run()


def _sweep(app: Flask) -> None:
    pause = threading.Event()
    while True:
        try:
            with app.app_context():
                jobs.sweep()
        except Exception:
            jobs.log.warning("the sweep of jobs failed", exc_info=True)
        pause.wait(SWEEP_SECONDS)


def _end_with_parent() -> None:
    """The server holds the other end of our standard input: it is over when the server is. What was
    running is put back by the next worker's sweep."""
    while os.read(
        0, 1024
    ):  # not by sys.stdin, which is locked while somebody reads it, also at the end
        pass
    os._exit(0)


# Beside the server -----------------------------------------------------------------------------


class Supervisor:
    """Starts a worker in a process of its own as soon as there is a job, and another when it dies.

    A job in a thread of the server would slow its pages down. Until the first job there is no worker,
    so that a server at rest costs one process.
    """

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.child: subprocess.Popen[bytes] | None = None
        self.over = False
        self.wake = threading.Event()
        app.extensions["supervisor"] = self
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.over:
            try:
                if (self.child is None or self.child.poll() is not None) and self._has_work():
                    self.child = _start(self.app)
            except Exception:
                jobs.log.warning("no worker could be started", exc_info=True)
            self.wake.wait(SWEEP_SECONDS)
            self.wake.clear()

    def _has_work(self) -> bool:
        with self.app.app_context():
            return jobs.any_open()

    def stop(self) -> None:
        """End the worker; what it was doing is put back when there is one again."""
        self.over = True
        self.wake.set()
        if self.child is not None and self.child.stdin is not None:
            self.child.stdin.close()  # tells it so, on every system
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()


def supervise(app: Flask) -> Supervisor | None:
    """See to it that jobs are run; None where `flask worker` runs by itself."""
    return Supervisor(app) if app.config["ROUNDTRIP_WORKER"] == "child" else None


def _start(app: Flask) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flask", "worker", "--child"]
    return subprocess.Popen(command, cwd=CHECKOUT, env=_environment(app), stdin=subprocess.PIPE)


def _environment(app: Flask) -> dict[str, str]:
    """The server's settings, also those that came as arguments."""
    found: dict[str, Any] = {**os.environ, "FLASK_DEBUG": "0"}
    for name in ("INSTANCE", "DATABASE_URL", "REDIS_URL"):
        if value := app.config[f"ROUNDTRIP_{name}"]:
            found[f"ROUNDTRIP_{name}"] = str(value)
    return found
