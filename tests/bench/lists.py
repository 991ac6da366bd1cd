"""What a list page of 50 × 10 out of 100,000 records costs, against pages written by hand.

    python tests/bench/lists.py [rows]

Ours is signed in, with rights, total, search, sort links and its trip recorded. By hand, on the same
rows and on Waitress: `fast` is Flask, sqlite3 and a generated function that makes the rows, without
sign-in or count; `orm` is Flask-SQLAlchemy objects in a Jinja loop, with a count. CPU of the server's
process a request; ratios from one run. Linux only.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from minimal import Served, bare, ours
from orders import write

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))


CALLS, ROUNDS = 150, 9
SHOWN = "ref,customer,email,city,product,quantity,unit_price,status,ordered_on,shipped_at"

FAST = """
import sqlite3, threading
from flask import Flask, render_template_string
from markupsafe import escape
from waitress import create_server
app, local = Flask("fast"), threading.local()
names = {shown!r}.split(",")
cells = "".join("<td>{{e(row[%d] or nothing)}}</td>" % i for i in range(2, len(names) + 1))
row = "f'<tr><td><a href=/order/{{row[0]}}>{{e(row[1])}}</a></td>" + cells + "</tr>'"
code = "def rows(found):\\n    return ''.join([" + row + " for row in found])"
space = {{"e": escape, "nothing": ""}}
exec(code, space)
shell = "<!doctype html><html lang=en><head><title>Orders</title></head><body><h1>Orders</h1><table><thead>" + \\
    "<tr>" + "".join(f"<th>{{one}}</th>" for one in names) + \\
    "</tr></thead><tbody>{{{{ rows|safe }}}}</tbody></table></body></html>"
@app.get("/orders")
def orders():
    if not hasattr(local, "db"):
        local.db = sqlite3.connect({file!r})
        local.db.execute("PRAGMA cache_size = -64000")
    found = local.db.execute("SELECT id, {shown} FROM orders__orders ORDER BY id LIMIT 50").fetchall()
    return render_template_string(shell, rows=space["rows"](found))
server = create_server(app, host="127.0.0.1", port=0)
print(f"Roundtrip serves http://127.0.0.1:{{server.effective_port}}", flush=True)
server.run()
"""

ORM = """
from flask import Flask, render_template_string
from flask_sqlalchemy import SQLAlchemy
from waitress import create_server
db, app = SQLAlchemy(), Flask("orm")
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///{file}"
db.init_app(app)
names = {shown!r}.split(",")
with app.app_context():
    class Order(db.Model):
        __table__ = db.Table("orders__orders", db.metadata, autoload_with=db.engine)
shell = '''<!doctype html><html lang=en><head><title>Orders</title></head><body><h1>Orders</h1><p>{{{{ total }}}}</p>
<table><thead><tr>{{% for one in names %}}<th>{{{{ one }}}}</th>{{% endfor %}}</tr></thead><tbody>
{{% for order in found %}}
<tr>{{% for one in names %}}<td>{{{{ order|attr(one) }}}}</td>{{% endfor %}}</tr>{{% endfor %}}
</tbody></table></body></html>'''
@app.get("/orders")
def orders():
    total = db.session.scalar(db.select(db.func.count()).select_from(Order))
    found = db.session.scalars(db.select(Order).order_by(Order.id).limit(50)).all()
    return render_template_string(shell, found=found, total=total, names=names)
server = create_server(app, host="127.0.0.1", port=0)
print(f"Roundtrip serves http://127.0.0.1:{{server.effective_port}}", flush=True)
server.run()
"""


def prepare(count: int) -> tuple[Path, str]:
    """An instance folder with the orders in a table, and the cookie of somebody who is signed in."""
    from app import create_app, database, jobs, sessions
    from app.permissions import Actor
    from app.sheets import inspect
    from app.sheets.importing import Import, enqueue

    folder = Path(tempfile.mkdtemp()) / "instance"
    app = create_app({"INSTANCE": folder, "TRIPS": "off"})
    with app.app_context():
        database.upgrade(app)
        from app import people

        person = people.add("ada@example.com", "Ada", admin=True, password="several good words")
        file = write(count, folder / "orders.csv")
        wanted = Import(str(file), file.name, inspect(file).plan(), "orders", "orders", "Orders")
        job = enqueue(Actor(person.id, person.name, person.email, True), wanted, count)
        jobs.run(job.id)
        token = sessions.begin(person.id, "bench", "127.0.0.1")
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"], session["_fresh"] = token, True
        cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
        assert cookie
        return folder, f"{cookie.key}={cookie.value}"


def main() -> None:
    """Print the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder, cookie = prepare(count)
    file = str(folder / "roundtrip.sqlite")
    apps = {
        "fast": (Served(bare(FAST, file=file, shown=SHOWN)), "/orders", {}),
        "orm": (Served(bare(ORM, file=file, shown=SHOWN)), "/orders", {}),
        "ours": (ours(str(folder)), f"/tools/orders/orders/?fields={SHOWN}", {"Cookie": cookie}),
    }
    for n in range(ROUNDS + 1):
        for name in list(apps)[n % 3 :] + list(apps)[: n % 3]:
            app, path, headers = apps[name]
            began = app.cpu()
            for _ in range(CALLS):
                app.line.request("GET", path, headers=headers)
                answer = app.line.getresponse()
                size = len(answer.read())
                assert answer.status == 200, answer.status
            if n:
                app.times.append((app.cpu() - began) / CALLS * 1e3)
            else:
                print(f"{name}: {size:,} bytes")
    figures = {name: median(app.times) for name, (app, _, _) in apps.items()}
    for app, _, _ in apps.values():
        app.close()
    print(", ".join(f"{name} {ms:.2f} ms" for name, ms in figures.items()))
    print(f"ours / fast: {figures['ours'] / figures['fast']:.2f} (at most 2.4, aim 1.4)")
    print(f"ours / orm: {figures['ours'] / figures['orm']:.2f} (at most 1.0)")


if __name__ == "__main__":
    main()
