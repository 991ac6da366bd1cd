"""What recording costs: CPU time a request, in one run.

    python tests/bench/trip_cost.py

An app with three before- and two after-request functions, whose trip has ten spans, is called as
WSGI in the process, and through Waitress. A page with four queries and a template of two files is
measured besides against OpenTelemetry's instrumentation of Flask, SQLAlchemy and Jinja2.
"""

from __future__ import annotations

import http.client
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from rounds import Worker, answer_on_stdin, cpu_of, in_turns

CALLS = 400


def make_app(kind: str) -> Any:
    """`off`, `on`: our Flask with recording off or on; `flask`, `otel`: Flask itself."""
    from flask import Flask

    from app.trips.keeper import Keeper
    from app.trips.recording import RecordingFlask

    app: Any
    if kind in ("on", "off"):
        app = RecordingFlask("mini")
        app.extensions["trips"] = Keeper(Path(tempfile.mkdtemp()) / "trips.sqlite", kind == "on")
        if kind == "on":
            from app.trips import drivers, logs

            drivers.listen()
            logs.listen()
    else:
        app = Flask("mini")
    app.secret_key = "x" * 50
    add_routes(app)
    if kind == "otel":
        instrument(app)
    return app


def add_routes(app: Any) -> None:
    """/plain has ten spans; /page adds queries and templates; /spans adds as many steps as asked."""
    import jinja2
    import sqlalchemy as sa
    from flask import g, render_template

    from app import trips

    for n in range(3):
        app.before_request(named(f"before_{n}", lambda: setattr(g, "seen", 1)))
    for n in range(2):
        app.after_request(named(f"after_{n}", lambda response: response))
    app.teardown_request(lambda error: None)
    engine = sa.create_engine(
        "sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False}
    )
    statement = sa.text("SELECT 1 UNION SELECT 2")
    templates = {
        "base.html": "<h1>{% block content %}{% endblock %}</h1>",
        "page.html": '{% extends "base.html" %}{% block content %}{{ rows }}{% endblock %}',
    }
    app.jinja_loader = jinja2.DictLoader(templates)

    @app.get("/plain")
    def plain() -> str:
        return "ok"

    @app.get("/page")
    def page() -> str:
        with engine.connect() as connection:
            rows = [connection.execute(statement).all() for _ in range(4)]
        return render_template("page.html", rows=rows)

    @app.get("/spans")
    def spans() -> str:
        for _ in range(100):
            with trips.step("work"):
                pass
        return "ok"


def named(name: str, function: Any) -> Any:
    """A lambda with a name of its own."""
    function.__name__ = function.__qualname__ = name
    return function


def instrument(app: Any) -> None:
    """OpenTelemetry with a batch processor and an exporter that throws away."""
    from opentelemetry import trace
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.instrumentation.jinja2 import Jinja2Instrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> Any:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    FlaskInstrumentor().instrument_app(app)
    Jinja2Instrumentor().instrument()
    SQLAlchemyInstrumentor().instrument()


def work(name: str) -> None:
    """A worker: `cpu PATH` calls the app, `port` and `cpu` serve it."""
    import time

    if name == "otel":  # SQLAlchemy must be patched before the engine is made
        from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

        SQLAlchemyInstrumentor().instrument()
    app = make_app(name.split("-")[0])
    server = None
    if name.endswith("-served"):
        from app.trips.server import create_server

        app.extensions.setdefault("trips", type("Off", (), {"on": False}))
        server = create_server(app, host="127.0.0.1", port=0, threads=2)
        threading.Thread(target=server.run, daemon=True).start()

    def handle(line: str) -> object:
        match line.split():
            case ["call", path]:
                return cpu_of(lambda: call(app, path), CALLS)
            case ["memory", count]:
                return memory_after(app, int(count))
            case ["port"]:
                return server.effective_port if server else 0
            case ["clock"]:
                return time.process_time_ns()
        return "ready"

    answer_on_stdin(handle)


def call(app: Any, path: str) -> None:
    """One request, as a WSGI server makes it."""
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "wsgi.input": None,
        "wsgi.errors": sys.stderr, "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1",
    }  # fmt: skip
    body = app(environ, lambda status, headers, exc=None: None)
    for _ in body:
        pass
    if hasattr(body, "close"):
        body.close()


def memory_after(app: Any, count: int) -> int:
    """Resident memory in KiB after so many requests (Linux)."""
    for _ in range(count):
        call(app, "/plain")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


def compare(path: str, names: list[str]) -> dict[str, float]:
    """Microseconds of CPU a request for each variant."""
    workers = [Worker(__file__, name) for name in names]
    in_turns(workers, lambda worker: float(worker.ask(f"call {path}")))
    [worker.close() for worker in workers]
    return {worker.name: worker.figure for worker in workers}


def through_waitress() -> dict[str, float]:
    """The same through a served socket, one connection that is kept."""
    workers = [Worker(__file__, name) for name in ("off-served", "on-served")]
    lines = {w.name: http.client.HTTPConnection("127.0.0.1", int(w.ask("port"))) for w in workers}

    def one_round(worker: Worker) -> float:
        began = int(worker.ask("clock"))
        for _ in range(CALLS):
            lines[worker.name].request("GET", "/plain")
            lines[worker.name].getresponse().read()
        return (int(worker.ask("clock")) - began) / CALLS / 1000

    in_turns(workers, one_round)
    [worker.close() for worker in workers]
    return {worker.name: worker.figure for worker in workers}


def main() -> None:
    """Print what it costs."""
    plain = compare("/plain", ["flask", "off", "on"])
    on = plain["on"] - plain["off"]
    print(f"ten spans, in the process     {on:.1f} µs more than off (at most 50, aim 35)")
    print(
        f"switched off                  {plain['off'] - plain['flask']:.1f} µs more than Flask (at most 5)"
    )
    spans = compare("/spans", ["off", "on"])
    print(
        f"each further span             {(spans['on'] - spans['off'] - on) / 100:.2f} µs (at most 5)"
    )
    served = through_waitress()
    more = served["on-served"] - served["off-served"]
    print(f"ten spans, through Waitress   {more:.1f} µs more than off (at most 100, aim 70)")
    page = compare("/page", ["flask", "off", "on", "otel"])
    ours, theirs = page["on"] - page["off"], page["otel"] - page["flask"]
    print(
        f"a page: {ours:.1f} µs, OpenTelemetry {theirs:.1f} µs: ratio {theirs / ours:.1f} (at least 4)"
    )
    print_memory(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)


def print_memory(count: int) -> None:
    """Whether memory stays where it is; `count` requests are made, 1,000,000 take ten minutes."""
    worker = Worker(__file__, "on")
    first, last = (int(worker.ask(f"memory {n}")) for n in (20_000, count))
    worker.close()
    print(f"memory: {last - first:+} KiB over {count:,} requests, from {first:,} KiB")


if __name__ == "__main__":
    work(sys.argv[2]) if sys.argv[1:2] == ["--worker"] else main()
