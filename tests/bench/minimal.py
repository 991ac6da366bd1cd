"""How much more than the bare minimum: CPU a request, cold start, memory. Ratios from one run.

    python tests/bench/minimal.py

The bare apps are what somebody would write by hand: Flask on Waitress with the same security headers
(for the request), and Flask-SQLAlchemy with one page and one query (for start and memory). Linux only.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

CALLS, ROUNDS, STARTS = 500, 15, 11

BARE_HELLO = """
import sys
sys.path.insert(0, {checkout!r})
from flask import Flask
from waitress import create_server
from app.headers import SECURITY_HEADERS
app = Flask("bare")
@app.after_request
def headers(response):
    response.headers.update(SECURITY_HEADERS)
    return response
@app.get("/healthz")
def hello():
    return {{"status": "alive"}}
server = create_server(app, host="127.0.0.1", port=0)
print(f"Roundtrip serves http://127.0.0.1:{{server.effective_port}}", flush=True)
server.run()
"""

BARE_SQLALCHEMY = """
from flask import Flask, render_template_string
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from waitress import create_server
class Base(DeclarativeBase):
    pass
db = SQLAlchemy(model_class=Base)
class Person(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
app = Flask("bare")
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///{file}"
db.init_app(app)
with app.app_context():
    db.create_all()
@app.get("/auth/login")
def page():
    people = db.session.scalars(db.select(Person)).all()
    return render_template_string("<h1>{{{{ people|length }}}}</h1>", people=people)
server = create_server(app, host="127.0.0.1", port=0)
print(f"Roundtrip serves http://127.0.0.1:{{server.effective_port}}", flush=True)
server.run()
"""


def _usual() -> dict[str, str]:
    """The environment, but compiled modules are kept, as on any host."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


class Served:
    """A served app in a process of its own."""

    def __init__(self, command: list[str], **environ: str) -> None:
        self.process = subprocess.Popen(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**_usual(), "ROUNDTRIP_PORT": "0", **environ},
        )  # fmt: skip
        assert self.process.stdout
        line = ""
        while "serves http" not in line:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("a server ended before it served")
        self.line = http.client.HTTPConnection(line.split()[2].removeprefix("http://").rstrip("/"))
        self.times: list[float] = []

    def get(self, path: str) -> int:
        """Ask once; the number of bytes of the body."""
        self.line.request("GET", path)
        return len(self.line.getresponse().read())

    def cpu(self) -> float:
        """CPU seconds so far, of all threads, those that have ended too. The number is that of the process's
        clock, as Linux makes it of a process id; `stat` would count in hundredths, too coarse for a round."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def memory(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def bare(code: str, **values: Any) -> list[str]:
    """The command that runs one of the scripts above."""
    return [sys.executable, "-c", code.format(checkout=str(CHECKOUT), **values)]


def ours(instance: str) -> Served:
    """This app, on an instance folder that is ready."""
    return Served([sys.executable, "wsgi.py"], ROUNDTRIP_INSTANCE=instance)


def requests(instance: str) -> None:
    """A plain route through the whole pipeline against a bare hello."""
    apps = [Served(bare(BARE_HELLO)), ours(instance)]
    for n in range(ROUNDS + 1):
        for app in apps if n % 2 else reversed(apps):
            began = app.cpu()
            for _ in range(CALLS):
                app.get("/healthz")
            if n:
                app.times.append((app.cpu() - began) / CALLS * 1e6)
    hello, whole = (median(app.times) for app in apps)
    [app.close() for app in apps]
    print(
        f"a plain route: {whole:.0f} µs, bare hello {hello:.0f} µs: ratio {whole / hello:.2f} (at most 1.5, aim 1.2)"
    )


def starts(instance: str) -> None:
    """CPU to the first page, and memory at rest, against a bare Flask-SQLAlchemy app."""
    file = Path(tempfile.mkdtemp()) / "bare.sqlite"
    figures: dict[str, list[tuple[float, float]]] = {"bare": [], "ours": []}
    for _ in range(STARTS):
        for name in figures:
            app = ours(instance) if name == "ours" else Served(bare(BARE_SQLALCHEMY, file=file))
            app.get("/auth/login")
            time.sleep(0.3)
            figures[name].append((app.cpu(), app.memory()))
            app.close()
    cpu = {name: median(cpu for cpu, _ in rows) for name, rows in figures.items()}
    memory = {name: median(memory for _, memory in rows) for name, rows in figures.items()}
    print(
        f"cold start to the first page: {cpu['ours']:.2f} s CPU, bare {cpu['bare']:.2f} s: "
        f"ratio {cpu['ours'] / cpu['bare']:.2f} (at most 1.4, aim 1.15)"
    )
    print(
        f"memory at rest: {memory['ours']:.0f} MiB, bare {memory['bare']:.0f} MiB: "
        f"ratio {memory['ours'] / memory['bare']:.2f} (at most 1.3, aim 1.15)"
    )


def main() -> None:
    """Print the ratios."""
    instance = tempfile.mkdtemp()
    ours(instance).close()  # makes the database
    first = ours(instance)
    first.get("/auth/login")
    first.close()
    requests(instance)
    starts(instance)


if __name__ == "__main__":
    main()
