"""What the API costs, against the same three requests in other frameworks: requests a CPU second, as ratios.

    python tests/bench/api.py [rows] [calls] [--install]

A list of 50, one record, and creating with 1, 8 and 32 writers; then all rows as NDJSON, where memory must
not grow with them. The others have the same orders in SQLite and look the key up at each request. `drf` is
Django REST Framework on Waitress as its manual sets it up for a member whose group has the rights: the
middleware of a new project, tokens, model permissions, filters. `fastapi` is FastAPI with SQLAlchemy on
uvicorn, and `hand` Flask with SQLAlchemy Core and msgspec on Waitress; these two have no rights, and none of
the three has history. They run in a virtual environment of their own in the folder for temporary files,
which `--install` makes; without it they are left out. Linux only.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from minimal import Served
from orders import rows as made_up

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

ROUNDS, WRITERS = 3, (1, 8, 32)
HOME = Path(tempfile.gettempdir()) / "roundtrip-bench-api"
NEEDS = [
    "djangorestframework", "django-filter", "fastapi", "flask", "uvicorn", "sqlalchemy", "msgspec", "waitress",
]  # fmt: skip
KEY = "bench-key"
COLUMNS = ("ref", "customer", "email", "city", "product", "quantity", "unit_price", "status")
BODY = {
    "customer": "Kira", "email": "k@example.com", "city": "Cork", "product": "Stool", "quantity": 3,
    "unit_price": "12.50", "status": "paid",
}  # fmt: skip

COMMON = """
import sqlite3, sys
file, key = sys.argv[1], sys.argv[2]
"""

DRF = (
    COMMON
    + """
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "CONN_MAX_AGE": None}},
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
        "django.contrib.sessions", "django.contrib.messages", "django_filters", "rest_framework",
        "rest_framework.authtoken",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    ROOT_URLCONF="__main__", ALLOWED_HOSTS=["*"], SECRET_KEY="x", DEBUG=False, USE_TZ=True,
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.DjangoModelPermissions"],
        "DEFAULT_FILTER_BACKENDS": [
            "django_filters.rest_framework.DjangoFilterBackend",
            "rest_framework.filters.SearchFilter", "rest_framework.filters.OrderingFilter",
        ],
    },
)
django.setup()
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.urls import include, path
from rest_framework import pagination, routers, serializers, viewsets
from rest_framework.authtoken.models import Token
class Order(models.Model):
    ref = models.CharField(max_length=40, unique=True)
    customer, email, city, product, status = (models.CharField(max_length=200) for _ in range(5))
    quantity = models.IntegerField()
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)
    class Meta:
        app_label, db_table, managed = "orders", "orders", False
class Serializer(serializers.ModelSerializer):
    class Meta:
        model, fields = Order, "__all__"
class Orders(viewsets.ModelViewSet):
    queryset, serializer_class = Order.objects.order_by("id"), Serializer
    filterset_fields, search_fields = ["status", "city", "customer", "quantity"], ["customer", "product"]
    class pagination_class(pagination.CursorPagination):
        ordering, page_size, page_size_query_param = "id", 50, "limit"
router = routers.DefaultRouter()
router.register("orders", Orders)
urlpatterns = [path("", include(router.urls))]
call_command("migrate", verbosity=0)
kind = ContentType.objects.create(app_label="orders", model="order")
group, member = Group.objects.create(name="Sales"), User.objects.create(username="bo")
for action in ("view", "add", "change"):
    group.permissions.add(
        Permission.objects.create(codename=f"{action}_order", name=action, content_type=kind)
    )
member.groups.add(group)
Token.objects.create(key=key, user=member)
from waitress import create_server
server = create_server(get_wsgi_application(), host="127.0.0.1", port=0, threads=4)
print(f"Roundtrip serves http://127.0.0.1:{server.effective_port}", flush=True)
server.run()
"""
)

FASTAPI = (
    COMMON
    + """
import decimal, socket
import sqlalchemy as sa, sqlalchemy.orm as so, uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict
engine = sa.create_engine("sqlite:///" + file, connect_args={"check_same_thread": False})
class Base(so.DeclarativeBase): pass
class Order(Base):
    __tablename__ = "orders"
    id: so.Mapped[int] = so.mapped_column(primary_key=True)
    ref: so.Mapped[str]
    customer: so.Mapped[str]
    email: so.Mapped[str]
    city: so.Mapped[str]
    product: so.Mapped[str]
    quantity: so.Mapped[int]
    unit_price: so.Mapped[str]
    status: so.Mapped[str]
class New(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    ref: str
    customer: str
    email: str
    city: str
    product: str
    quantity: int
    unit_price: decimal.Decimal
    status: str
class Out(New):
    id: int
def session(authorization: str = Header()):
    with so.Session(engine) as found:
        text = authorization.removeprefix("Bearer ")
        if found.execute(sa.text("SELECT 1 FROM keys WHERE text = :t"), {"t": text}).first() is None:
            raise HTTPException(401)
        yield found
app = FastAPI()
@app.get("/orders/")
def listing(limit: int = 50, db: so.Session = Depends(session)) -> list[Out]:
    return db.scalars(sa.select(Order).order_by(Order.id).limit(limit)).all()
@app.get("/orders/{id}/")
def one(id: int, db: so.Session = Depends(session)) -> Out:
    return db.get(Order, id)
@app.post("/orders/", status_code=201)
def create(body: New, db: so.Session = Depends(session)) -> Out:
    made = Order(**{**body.model_dump(), "unit_price": str(body.unit_price)})
    db.add(made)
    db.commit()
    return made
place = socket.socket()
place.bind(("127.0.0.1", 0))
print(f"Roundtrip serves http://127.0.0.1:{place.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[place])
"""
)

HAND = (
    COMMON
    + """
import msgspec, sqlalchemy as sa
from flask import Flask, Response, request
from waitress import create_server
engine = sa.create_engine("sqlite:///" + file, connect_args={"check_same_thread": False})
class New(msgspec.Struct):
    ref: str
    customer: str
    email: str
    city: str
    product: str
    quantity: int
    unit_price: str
    status: str
orders = sa.Table("orders", sa.MetaData(), autoload_with=engine)
keys = sa.table("keys", sa.column("text"))
find = sa.select(keys.c.text).where(keys.c.text == sa.bindparam("key"))
many = sa.select(orders).order_by(orders.c.id).limit(50)
single = sa.select(orders).where(orders.c.id == sa.bindparam("id"))
app = Flask("hand")
def knows(connection):
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return connection.execute(find, {"key": key}).first() is not None
def answer(found, status=200):
    return Response(msgspec.json.encode(found), status, mimetype="application/json")
@app.get("/orders/")
def listing():
    with engine.connect() as connection:
        if not knows(connection):
            return Response(status=401)
        return answer([dict(row) for row in connection.execute(many).mappings()])
@app.get("/orders/<int:id>/")
def one(id):
    with engine.connect() as connection:
        if not knows(connection):
            return Response(status=401)
        return answer(dict(connection.execute(single, {"id": id}).mappings().one()))
@app.post("/orders/")
def create():
    with engine.connect() as connection:
        if not knows(connection):
            return Response(status=401)
        new = msgspec.structs.asdict(msgspec.json.decode(request.get_data(), type=New))
        made = connection.execute(orders.insert().values(new))
        connection.commit()
        return answer({"id": made.inserted_primary_key[0], **new}, 201)
server = create_server(app, host="127.0.0.1", port=0, threads=4)
print(f"Roundtrip serves http://127.0.0.1:{server.effective_port}", flush=True)
server.run()
"""
)
OTHERS = {"drf": DRF, "fastapi": FASTAPI, "hand": HAND}


# Making ------------------------------------------------------------------------------------------


def prepare(folder: Path, count: int) -> str:
    """Our instance with the orders; the key."""
    import sqlalchemy as sa

    from app import create_app, database, people, roles, tokens
    from app.database import writing
    from app.extensions import db
    from app.fields import Field, named
    from app.permissions import Actor, Grant
    from app.tables import catalog, history
    from app.tables.table import Table

    kinds = {"ref": "code", "quantity": "integer", "unit_price": "money"}
    app = create_app({"INSTANCE": folder, "TRIPS": "off"})
    with app.app_context():
        database.upgrade(app)
        person = people.add("ada@example.com", "Ada", admin=True, password="several good words")
        actor = Actor.of(person)
        fields = []
        for name in COLUMNS:
            kind, options = named(kinds.get(name, "text"))
            fields.append(
                Field(
                    name, name, name.title(), kind, unique=name == "ref",
                    options={**kind.usual, **options},
                )
            )  # fmt: skip
        table = Table(0, 0, "orders", "orders", "Orders", tuple(fields), owner_id=person.id)
        with writing(), history.acting(actor):
            live = catalog.create(table)
            price = next(one for one in fields if one.name == "unit_price")
            for block in blocks(count):
                for one in block:
                    one["unit_price"] = price.type.parse(one["unit_price"], price)
                db.session.execute(sa.insert(live.sql), block)
            history.note(live.table.id, "import", {"rows": count})
        given = Grant("", frozenset({"list", "read", "create", "update", "export"}), tool="orders")
        roles.create(actor, "Sales", granted=[given])
        member = people.add("bo@example.com", "Bo", password="some other words", roles=["Sales"])
        key: str = tokens.create(Actor.of(member), "Bench", "write")[1]
        return key


def blocks(count: int, size: int = 2_000) -> Any:
    """The rows, as values by column."""
    found = []
    for row in made_up(count):
        found.append({**dict(zip(COLUMNS, row[:8], strict=True)), "quantity": int(row[5])})
        if len(found) == size:
            yield found
            found = []
    if found:
        yield found


def others(folder: Path, count: int) -> dict[str, Served]:
    """The other servers, as far as they are installed, each on a database of its own."""
    import sqlite3

    python = HOME / "bin" / "python"
    if "--install" in sys.argv and not python.exists():
        venv.create(HOME, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *NEEDS], check=True)
    if not python.exists():
        print("The others are not installed: run this once with --install")
        return {}
    found = {}
    for name, code in OTHERS.items():
        file = folder / f"{name}.sqlite"
        line = sqlite3.connect(file)
        line.execute("PRAGMA journal_mode = WAL")
        line.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, ref TEXT UNIQUE, customer TEXT, email TEXT, "
            "city TEXT, product TEXT, quantity INTEGER, unit_price DECIMAL, status TEXT)"
        )
        line.execute("CREATE TABLE keys (text TEXT PRIMARY KEY)")
        line.execute("INSERT INTO keys VALUES (?)", (f"{KEY}-{name}",))
        for block in blocks(count):
            places = ", ".join(f":{one}" for one in COLUMNS)
            line.executemany(f"INSERT INTO orders ({', '.join(COLUMNS)}) VALUES ({places})", block)
        line.commit()
        line.close()
        found[name] = Served([str(python), "-c", code, str(file), f"{KEY}-{name}"])
    return found


# Asking ------------------------------------------------------------------------------------------

Ask = Callable[[http.client.HTTPConnection, int], None]


def asking(method: str, path: str, key: str, status: int) -> Ask:
    """A function that sends one request; one that creates sends another reference each time."""

    def ask(line: http.client.HTTPConnection, number: int) -> None:
        body = json.dumps({**BODY, "ref": f"NEW-{number}"}) if method == "POST" else None
        word = "Token" if "drf" in key else "Bearer"
        headers = {"Authorization": f"{word} {key}", "Content-Type": "application/json"}
        line.request(method, path, body, headers)
        answer = line.getresponse()
        found = answer.read()
        assert answer.status == status, (answer.status, found[:300])

    return ask


def measure(
    server: Served, ask: Ask, calls: int, writers: int, first: int, took: list[float] | None = None
) -> float:
    """Requests a CPU second, sent by so many at once; `took` gets the seconds that each was waited for."""

    failed: list[Exception] = []
    times: list[float] = []

    def send(writer: int) -> None:
        line = http.client.HTTPConnection(server.line.host, server.line.port, timeout=60)
        try:
            for n in range(calls // writers):
                began = time.perf_counter()
                ask(line, first + writer * calls + n)
                times.append(time.perf_counter() - began)
        except Exception as error:  # said where all have ended
            failed.append(error)

    began = server.cpu()
    threads = [threading.Thread(target=send, args=(one,)) for one in range(writers)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if failed:
        raise SystemExit(f"a request failed: {failed[0]!r}")
    if took is not None:
        took += times
    return (calls // writers * writers) / (server.cpu() - began)


def compare(servers: dict[str, Served], keys: dict[str, str], calls: int) -> None:
    """Print the ratios of each kind of request."""
    base = {name: "/orders/" for name in servers} | {"ours": "/api/v1/orders/orders/"}
    single = {name: f"{path}7/" for name, path in base.items()} | {"ours": f"{base['ours']}7"}
    kinds = {
        "list of 50": ("GET", base, "?limit=50", 200, 1),
        "one record": ("GET", single, "", 200, 1),
    }
    kinds |= {f"create, {n} at once": ("POST", base, "", 201, n) for n in WRITERS}
    number = 0
    for title, (method, paths, query, status, writers) in kinds.items():
        found: dict[str, list[float]] = {name: [] for name in servers}
        took: dict[str, list[float]] = {name: [] for name in servers}
        for n in range(ROUNDS + 1):
            for name, server in servers.items():
                ask = asking(method, paths[name] + query, keys[name], status)
                number += 10 * calls * writers
                speed = measure(server, ask, calls, writers, number, took[name])
                found[name] += [speed] if n else []  # the first warms up
        figures = {name: median(speeds) for name, speeds in found.items()}
        told = ", ".join(f"{name} {one:,.0f}" for name, one in figures.items())
        ratios = ", ".join(
            f"ours / {name} {figures['ours'] / one:.2f}"
            for name, one in figures.items()
            if name != "ours"
        )
        print(f"{title}: {told} requests a CPU second; {ratios}")
        if writers > 1:
            slow = {name: quantiles(times, n=100)[-1] for name, times in took.items()}
            waits = ", ".join(f"{name} {one / slow['ours']:.2f}" for name, one in slow.items())
            print(f"  the slowest hundredth of them, as a multiple of ours: {waits}")


def all_rows(server: Served, key: str) -> None:
    """Print how much memory all rows as NDJSON took: the server's own, without the file that SQLite maps
    and its cache of pages, which the first two times fill."""
    headers = {"Authorization": f"Bearer {key}"}
    for _ in range(3):
        before, most, lines = anonymous(server), 0.0, 0
        server.line.request("GET", "/api/v1/orders/orders/?format=ndjson", headers=headers)
        answer = server.line.getresponse()
        while block := answer.read(1 << 20):
            lines += block.count(b"\n")
            most = max(most, anonymous(server))
    print(f"{lines:,} records as NDJSON: {most - before:.1f} MiB more than before")


def anonymous(server: Served) -> float:
    """Its memory in MiB that is not a file's."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def main() -> None:
    """Print all."""
    numbers = [int(one) for one in sys.argv[1:] if one.isdecimal()]
    count, calls = (*numbers, 100_000, 320)[:2] if len(numbers) != 1 else (numbers[0], 320)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = prepare(folder / "instance", count)
        served = {"ours": Served([sys.executable, "wsgi.py"], **environment(folder / "instance"))}
        servers = served | others(folder, count)
        try:
            all_rows(servers["ours"], key)
            compare(servers, {name: f"{KEY}-{name}" for name in servers} | {"ours": key}, calls)
        finally:
            for one in servers.values():
                one.close()


def environment(folder: Path) -> dict[str, str]:
    """The settings of our server."""
    return {"ROUNDTRIP_INSTANCE": str(folder), "ROUNDTRIP_API_RATE": "off"}


if __name__ == "__main__":
    main()
