"""The Flask application that records: every hook, at a documented extension point, with its verdict.

Flask passes each function it calls for a request through `ensure_sync`; here that gives the function
back with a clock round it. No registry is changed and no dispatch method overridden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import thread_time_ns
from types import GeneratorType
from typing import Any

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from flask.wrappers import Request
from itsdangerous import URLSafeTimedSerializer
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from app.rules import LateRule
from app.trips import CURRENT
from app.trips.body import Body
from app.trips.changes import RecordingGlobals, RecordingSession
from app.trips.guard import guarded
from app.trips.layers import Layer, arrive, note_headers
from app.trips.reading import CLOSE, ENTER
from app.trips.redact import safe_headers, safe_path
from app.trips.stages import AFTER, BEFORE, RESPONSE, VIEW
from app.trips.templates import RecordingEnvironment
from app.trips.trip import Trip, now
from app.trips.verdicts import describe, judge_after, judge_before, look, remember

WSGIApp = Callable[..., Iterable[bytes]]


class RecordingSessions(SecureCookieSessionInterface):
    """Flask's signed cookie session; opening and saving it are part of the trip."""

    session_class = RecordingSession
    _made_for: tuple[Any, ...] = ()
    _serializer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Flask's, made once for the keys in use instead of once a request."""
        keys = (app.secret_key, *(app.config["SECRET_KEY_FALLBACKS"] or ()))
        if self._made_for != (app, keys):
            self._made_for, self._serializer = (app, keys), super().get_signing_serializer(app)
        return self._serializer

    def open_session(self, app: Flask, request: Request) -> Any:
        """Stage 3 begins here: the first thing Flask does with a request."""
        trip = CURRENT.get()
        if trip is None:
            return self._opened(app, request)
        trip.enter(BEFORE)
        span = trip.open("session open", "session open")
        try:
            return self._opened(app, request)
        finally:
            trip.close(span)

    def _opened(self, app: Flask, request: Request) -> Any:
        """As Flask does, which would parse cookies also where the session has none."""
        if app.secret_key and app.config["SESSION_COOKIE_NAME"] not in request.environ.get(
            "HTTP_COOKIE", ""
        ):
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: Any, response: Any) -> None:
        """Part of stage 8, after the last after-request function."""
        trip = CURRENT.get()
        if trip is None:
            return self._saved(app, session, response)
        span = trip.open("session save", "session save")
        earlier = trip.seen or remember(trip, look(response))
        try:
            self._saved(app, session, response)
            if (later := look(response)) != earlier:
                judge_after(trip, span, earlier, later)
        finally:
            trip.close(span)

    def _saved(self, app: Flask, session: Any, response: Any) -> None:
        """As Flask does, which would make up a cookie also where there is nothing to say."""
        if session or session.accessed or session.modified:
            super().save_session(app, session, response)


class RecordingFlask(Flask):
    """A Flask application whose requests are trips. With recording off it is plain Flask."""

    jinja_environment = RecordingEnvironment
    app_ctx_globals_class = RecordingGlobals
    url_rule_class = LateRule

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.session_interface = RecordingSessions()
        self.layers: list[Layer] = []  # WSGI middleware, the innermost first
        self._outermost: WSGIApp = self._core
        self._wrapped: dict[Any, Callable[..., Any]] = {}
        super().__init__(*args, **kwargs)

    # Stage 2: the server calls the app; WSGI middleware runs.

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """The WSGI entry: here the trip begins, outside of all middleware."""
        keeper = self.extensions["trips"]
        if not keeper.on:
            return self._outermost(environ, start_response)
        trip = _begin(environ)
        keeper.begin(trip)
        before = CURRENT.set(trip)
        try:
            answer = self._outermost(environ, _listening(trip, start_response))
        except BaseException as error:
            trip.outcome, trip.error = "error", describe(error)
            keeper.take(trip)
            raise
        finally:
            CURRENT.reset(before)
        return _hand_over(trip, answer, environ, keeper)

    @property
    def wsgi_app(self) -> WSGIApp:
        """The app with the WSGI middleware round it; assign to it to add one, as in any Flask app."""
        return self._outermost

    @wsgi_app.setter
    def wsgi_app(self, middleware: WSGIApp) -> None:
        if middleware == self._core:  # back to what it was
            self.layers.clear()
        elif middleware in self.layers:
            del self.layers[self.layers.index(middleware) + 1 :]
        else:
            middleware = Layer(middleware)
            self.layers.append(middleware)
        self._outermost = middleware

    def _core(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        trip = CURRENT.get()
        if trip is None:
            return Flask.wsgi_app(self, environ, start_response)
        if self.layers:
            start_response = arrive(trip, environ, start_response)
        try:
            return Flask.wsgi_app(self, environ, start_response)
        finally:
            trip.enter(RESPONSE)
            trip.back = now()

    # Stage 4: the URL.

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Flask's adapter, with a clock round its `match`."""
        adapter = super().create_url_adapter(request)
        if request is not None and adapter is not None and CURRENT.get() is not None:
            adapter.__class__ = TimedAdapter
        return adapter

    def log_exception(self, exc_info: Any) -> None:
        """Flask's log line for an error nobody caught, without what is secret in the address."""
        path = safe_path(request.path, request.view_args)
        self.logger.error("Exception on %s [%s]", path, request.method, exc_info=exc_info)

    # Stages 3, 5 and 8: every function Flask calls.

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a clock round it, made once per function."""
        try:
            return self._wrapped[func]
        except KeyError:
            return self._wrap(func)
        except TypeError:  # it cannot be a key, so it runs without a clock
            return super().ensure_sync(func)

    def _wrap(self, func: Callable[..., Any]) -> Callable[..., Any]:
        sync = super().ensure_sync(func)
        kind = self.kind_of(func)
        if kind is None:  # not one of ours: a method of a view class, for example
            return sync
        on = self.extensions["trips"].on
        self._wrapped[func] = _WRAPPERS[kind](sync, name_of(func)) if on else sync
        return self._wrapped[func]

    def kind_of(self, func: Callable[..., Any]) -> str | None:
        """Where Flask keeps this function: before, after, teardown, view, …; None: nowhere."""
        for kind, registry in self.registries():
            if any(func in functions for functions in registry):
                return kind
        return None

    def registries(self) -> list[tuple[str, list[Any]]]:
        """Flask's lists of functions, each with the kind of span its functions give."""
        handlers = [
            h.values() for by_code in self.error_handler_spec.values() for h in by_code.values()
        ]
        return [
            ("view", [self.view_functions.values()]),
            ("before", list(self.before_request_funcs.values())),
            ("after", list(self.after_request_funcs.values())),
            ("teardown", [*self.teardown_request_funcs.values(), self.teardown_appcontext_funcs]),
            ("error handler", handlers),
            ("context", list(self.template_context_processors.values())),
        ]


def name_of(func: Callable[..., Any]) -> str:
    """`<module>.<function>`, the module without the folder `app` or `blueprints` in front."""
    module = getattr(func, "__module__", None) or type(func).__module__
    name = getattr(func, "__qualname__", type(func).__name__).rpartition("<locals>.")[2]
    return f"{module.removeprefix('app.').removeprefix('blueprints.')}.{name}"


def _begin(environ: dict[str, Any]) -> Trip:
    path = environ.get("PATH_INFO", "")
    if not path.isascii():
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    trip = Trip(environ["REQUEST_METHOD"], path, now())
    trip.cpu_start = thread_time_ns()
    trip.query = environ.get("QUERY_STRING", "")
    arrival = environ.get("roundtrip.arrival")
    if arrival is not None:
        _take_arrival(trip, arrival)
    trip.request_headers = safe_headers(environ)
    return trip


@guarded
def _take_arrival(trip: Trip, arrival: Any) -> None:
    arrival.trip = trip
    trip.arrival = arrival
    trip.bytes_in, trip.ahead = arrival.bytes_in, arrival.ahead
    trip.arrived(arrival.first_byte, arrival.complete)


def _listening(trip: Trip, start_response: Any) -> Any:
    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        if trip.emitted is not None:
            note_headers(trip, headers)
        if ("X-Trip-Id", trip.id) not in headers:  # the hook that sets it did not run
            headers.append(("X-Trip-Id", trip.id))
        trip.status = int(status[:3]) if status[:3].isdecimal() else 0
        trip.response_headers = headers
        return start_response(status, headers, *rest)

    return start


def _hand_over(trip: Trip, answer: Any, environ: dict[str, Any], keeper: Any) -> Any:
    """Wrap the body, so that sending it is part of the trip, unless the server sends the file itself."""
    if trip.phase != RESPONSE and not isinstance(answer, GeneratorType):
        trip.enter(RESPONSE)
    file_wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(file_wrapper, type) and isinstance(answer, file_wrapper):
        trip.bytes_out = next(
            (int(v) for k, v in trip.response_headers if k == "Content-Length"), 0
        )
        trip.cpu_ns = thread_time_ns() - trip.cpu_start
        keeper.take(trip)
        return answer
    return Body(trip, answer, keeper)


class TimedAdapter(MapAdapter):
    """Flask's adapter, with a clock round its first match: that is the resolution, later ones only ask.

    Adapters get this class by assignment, which is cheaper than wrapping a method for each request.
    """

    def match(self, *args: Any, **kwargs: Any) -> Any:
        """As in Werkzeug."""
        self.__class__ = MapAdapter  # type: ignore[assignment]
        trip = CURRENT.get()
        if trip is None:
            return self.match(*args, **kwargs)
        span = trip.open("match", "URL match")
        try:
            found = self.match(*args, **kwargs)
            _note_rule(trip, found)
            return found
        except HTTPException as error:
            _note_miss(trip, span, self, error)
            raise
        finally:
            trip.close(span)


@guarded
def _note_rule(trip: Trip, found: Any) -> None:
    rule, trip.args = found
    trip.route = rule.rule
    trip.endpoint = endpoint = rule.endpoint
    trip.quiet = endpoint == "static" or endpoint.startswith(("trips.", "health."))


@guarded
def _note_miss(trip: Trip, span: int, adapter: MapAdapter, error: HTTPException) -> None:
    """For a 404 the rules that begin alike, for a 405 the methods that the address does take."""
    trip.tell(span, ("blocked", describe(error)))
    methods = getattr(error, "valid_methods", None)
    if methods:
        trip.tried = "the address takes " + ", ".join(sorted(methods))
    elif error.code == 404:
        first = "/" + trip.path.lstrip("/").partition("/")[0]
        rules = sorted(
            {rule.rule for rule in adapter.map.iter_rules() if rule.rule.startswith(first)}
        )
        near = ", ".join(rules[:8]) if first != "/" and rules else "none begins with " + first[:60]
        trip.tried = (
            f"none of {sum(1 for _ in adapter.map.iter_rules())} rules matches; nearest: {near}"
        )


# These three run most often, so they write their notes themselves; see `Trip.open` and `Trip.close`.


def _timed_before(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def run() -> Any:
        trip = CURRENT.get()
        if trip is None:
            return function()
        tape, start = trip.tape, now()
        tape += ("before", name, start)
        try:
            answer = function()
            if answer is not None:
                judge_before(trip, start, answer)
            return answer
        except BaseException as error:
            trip.tell(start, ("blocked", describe(error)))
            raise
        finally:
            tape += (CLOSE, start, now())

    return run


def _timed_view(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def run(**arguments: Any) -> Any:
        trip = CURRENT.get()
        if trip is None:
            return function(**arguments)
        tape, start = trip.tape, now()
        trip.phase = VIEW
        tape += (ENTER, VIEW, start, "view", name, start)
        try:
            return function(**arguments)
        except BaseException as error:
            trip.tell(start, ("raised", describe(error)))
            raise
        finally:
            end = now()
            trip.phase = AFTER
            tape += (CLOSE, start, end, ENTER, AFTER, end)

    return run


def _timed_after(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def run(response: Any) -> Any:
        trip = CURRENT.get()
        if trip is None:
            return function(response)
        if trip.phase != AFTER:
            trip.enter(AFTER)
        tape, start = trip.tape, now()
        tape += ("after", name, start)
        earlier = trip.seen or remember(trip, look(response))
        try:
            response = function(response)
            if (later := look(response)) != earlier:
                judge_after(trip, start, earlier, later)
            return response
        except BaseException as error:
            trip.tell(start, ("blocked", describe(error)))
            raise
        finally:
            tape += (CLOSE, start, now())

    return run


def _timed_other(kind: str) -> Callable[..., Any]:
    """For teardown functions, error handlers and context processors: time, and what they raise."""

    def wrap(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            trip = CURRENT.get()
            if trip is None:
                return function(*args)
            if kind != "context":
                trip.enter(AFTER)
            span = trip.open(kind, name)
            try:
                return function(*args)
            except BaseException as error:
                trip.tell(span, ("blocked", describe(error)))
                raise
            finally:
                trip.close(span)

        return run

    return wrap


_WRAPPERS: dict[str, Callable[[Callable[..., Any], str], Callable[..., Any]]] = {
    "before": _timed_before,
    "view": _timed_view,
    "after": _timed_after,
    **{kind: _timed_other(kind) for kind in ("teardown", "error handler", "context")},
}
