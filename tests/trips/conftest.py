"""An app with a few routes whose trips are known beforehand, and eyes for the pages that show them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Blueprint, Response, g, redirect, render_template
from jinja2 import ChoiceLoader, DictLoader

from app import trips
from app.extensions import db
from app.permissions import public, signed_in
from app.trips.recording import RecordingFlask
from tests.conftest import Client

TEMPLATES = {
    "demo/list.html": "{% for one in range(20) %}{% include 'demo/row.html' %}{% endfor %}",
    "demo/row.html": "{{ ask() }}",
}


def _ask() -> str:
    statement = sa.text("SELECT name FROM person WHERE id = :id")
    return str(db.session.execute(statement, {"id": 1}).scalar())


def demo_blueprint() -> Blueprint:
    """Middleware of all kinds, and views that work, wait, fail and stream."""
    bp = Blueprint("demo", __name__, url_prefix="/demo")

    @bp.before_app_request
    def everywhere() -> None:
        """Runs before every request of the app."""

    @bp.before_request
    def only_here() -> None:
        """Runs before the demo's own."""
        g.demo = True

    @bp.after_app_request
    def after_all(response: Response) -> Response:
        """Runs after every request."""
        return response

    @bp.after_request
    def after_own(response: Response) -> Response:
        """Stamps the demo's own."""
        response.headers["X-Demo"] = "yes"
        return response

    @bp.teardown_app_request
    def put_away(_error: BaseException | None) -> None:
        """Puts everything away."""

    @bp.get("/page")
    @signed_in
    def page() -> str:
        with trips.step("think"):
            trips.event("cache", "missed <b>it</b>")
        return "page"

    @bp.get("/list")
    @signed_in
    def listing() -> str:
        return render_template("demo/list.html", ask=_ask)

    @bp.get("/many")
    @signed_in
    def many() -> str:
        for number in range(600):
            with trips.step(f"step {number} with a name that is rather long for a step"):
                trips.event("note", "x" * 500)
        return "many"

    @bp.get("/go")
    @public
    def go() -> Any:
        return redirect("/demo/page", 303)

    @bp.get("/boom")
    @public
    def boom() -> None:
        raise ValueError("<script>alert(1)</script>")

    @bp.get("/stream")
    @public
    def stream() -> Response:
        return Response(chunk for chunk in ("a" * 600, "b" * 600))

    return bp


@pytest.fixture
def demo(app: RecordingFlask) -> RecordingFlask:
    """The app with the routes of the demo, errors being answered as in real life."""
    app.jinja_loader = ChoiceLoader([app.jinja_loader, DictLoader(TEMPLATES)])  # type: ignore[list-item]
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.register_blueprint(demo_blueprint())
    return app


class Eyes:
    """What a client sees: `trip_id`, `page`, `data` of a request it has made."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def trip_id(self, url: str, method: str = "get", **more: Any) -> str:
        """Make a request, to its end; the number of its trip."""
        answer = getattr(self.client, method)(url, **more)
        answer.get_data()
        answer.close()
        return str(answer.headers["X-Trip-Id"])

    def page(self, trip_id: str) -> str:
        """The page of a trip as text."""
        answer = self.client.get(f"/trips/{trip_id}")
        assert answer.status_code == 200
        return str(answer.text)

    def data(self, trip_id: str) -> Any:
        """The JSON of a trip."""
        return self.client.get(f"/trips/{trip_id}.json").json


def rows(page: str) -> list[tuple[str, str]]:
    """The rows of the table of stages: the heading of each, and all its text."""
    table = page[page.index('<table class="table trip"') : page.index("</table>")]
    found = re.findall(r"<tr[^>]*>.*?</tr>", table, re.DOTALL)[1:]
    return [(_text(re.search(r"<th.*?</th>", r, re.DOTALL)), _text(r)) for r in found]


def _text(html: Any) -> str:
    html = html.group() if hasattr(html, "group") else html or ""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.fixture
def alice_sees(demo: RecordingFlask, alice: Client) -> Eyes:
    """The administrator."""
    return Eyes(alice)


@pytest.fixture
def bob_sees(demo: RecordingFlask, bob: Client) -> Eyes:
    """A member."""
    return Eyes(bob)
