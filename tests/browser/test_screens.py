"""Every screen: no axe violation, no sideways scroll, light on the wire, nothing from elsewhere."""

from __future__ import annotations

import pytest

from tests.browser.conftest import axe, both_schemes, fits, sign_in

pytest.importorskip("blueprints.equipment", reason="the example these tests use has been deleted")
pytest.importorskip("blueprints.trips", reason="the pages of trips have been deleted")
pytest.importorskip("blueprints.api", reason="the pages of the API have been deleted")
pytest.importorskip("blueprints.people", reason="the pages of people have been deleted")
pytestmark = pytest.mark.browser

SCREENS = {
    "home": "/",
    "account": "/auth/account",
    "sessions": "/auth/sessions",
    "password again": "/auth/confirm",
    "no keys": "/api/tokens",
    "new key": "/api/tokens/new",
    "items": "/tools/equipment/item/",
    "nothing found": "/tools/equipment/item/?q=zzzzzz",
    "new item": "/tools/equipment/item/new",
    "loans": "/tools/equipment/loan/",
    "check out": "/tools/equipment/item/1/check-out",
    "overdue": "/tools/equipment/loan/overdue",
    "months": "/tools/equipment/loan/months",
    "trips": "/trips/",
    "pipeline": "/trips/pipeline",
    "routes": "/trips/routes",
    "people": "/people/",
    "nobody found": "/people/?q=zzzzzz",
    "invite": "/people/invite",
    "oneself": "/people/1",
    "person": "/people/2",
    "disabled person": "/people/3",
    "what was done": "/people/events/",
    "roles": "/people/roles/",
    "new role": "/people/roles/new",
    "who may use items": "/people/tables/equipment/item/",
    "why": "/people/why?person=2&table=equipment/item&action=update",
    "tables of the API": "/api/docs",
    "table of the API": "/api/docs/equipment/loan",
    "manual of the API": "/docs/api",
    "manual": "/docs/",
    "cycle": "/docs/cycle",
    "components": "/docs/components",
    "missing": "/nothing/here",
}
WIDTHS = [320, 390, 768, 1280, 1920]
STRANGERS = {"sign in": "/auth/login", "used link": "/auth/setup?token=used"}


@pytest.fixture
def filled(new_page):
    """Pages of a workspace that has the example; signed in as Alice."""

    def open_page(**options):
        page = new_page(**options)
        page.goto("/tools/equipment/item/")
        if page.locator("text=Load the example").count():
            page.click("text=Load the example")
            page.wait_for_load_state()
        return page

    return open_page


def screens(page):
    """Goes to each screen of the example, of trips and of the manual; its name, when it is there."""
    for name, path in SCREENS.items():
        page.goto(path)
        yield name
    page.goto("/tools/equipment/item/")
    page.click("tbody a >> nth=0")
    trip = page.locator("footer a").get_attribute("href")
    yield "record"
    page.goto(trip)
    yield "trip"
    page.goto("/tools/equipment/item/new")
    page.click("text=Save item")
    page.wait_for_selector(".errors")
    yield "form with errors"
    yield from screens_of_keys(page)
    yield from screens_of_people(page)
    yield from screens_of_roles(page)


def screens_of_keys(page):
    """A key that is made, once it was refused."""
    page.goto("/api/tokens/new")
    page.click("button:has-text('Make key')")
    page.wait_for_selector(".errors")
    yield "key with errors"
    page.fill("#name", "Nightly report")
    page.click("button:has-text('Make key')")
    page.wait_for_selector("#key")
    yield "key"
    page.goto("/api/tokens")
    yield "keys"
    page.click("button:has-text('Revoke') >> nth=0")
    page.wait_for_selector("text=You have no API keys")


def screens_of_people(page):
    """What no address alone shows."""
    page.goto("/people/invite")
    page.fill("#email", "bob@example.com")
    page.click("button:has-text('Invite person')")
    page.wait_for_selector(".errors")
    yield "invite with errors"
    page.goto("/people/2")
    page.click("text=Password link")
    page.wait_for_selector("#link")
    yield "link"
    page.goto("/people/2")
    page.click("text=See as this person")
    page.wait_for_selector("text=You see the app as Bob Brown")
    yield "seeing as"
    page.click("button:has-text('Stop')")
    page.wait_for_selector("nav a:has-text('People')", state="attached")


def screens_of_roles(page):
    """A role with a line that has a rule, and what is said of what cannot be."""
    page.goto("/people/roles/new")
    page.click("button:has-text('Create role')")
    page.wait_for_selector(".errors")
    yield "new role with errors"
    page.goto("/people/roles/")
    if page.locator("tbody a:has-text('Sales')").count() == 0:
        page.goto("/people/roles/new")
        page.fill("[name=name]", "Sales")
        page.click("button:has-text('Create role')")
        page.wait_for_selector("h1:has-text('Sales')")
        page.goto(f"{page.url}/grants/new?table=equipment/item")
        page.check("#do-read")
        page.fill("#rule", "id > 0")
        page.click(".form-foot .primary")
        page.wait_for_selector("h1:has-text('Sales')")
    else:
        page.click("tbody a:has-text('Sales')")
    role = page.url
    yield "role"
    page.check("[aria-label='Items where Number is more than 0: design']")
    page.click("button:has-text('Save role')")
    page.wait_for_selector(".errors")
    yield "role with errors"
    page.goto(f"{role}/grants/1")
    page.click("text=What can stand in a rule")
    yield "line of a role"
    page.fill("#rule", "nothing == me")
    page.click(".form-foot .primary")
    page.wait_for_selector(".errors")
    yield "line with errors"


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_no_screen_has_an_accessibility_fault(filled, size):
    page = filled(size=size)
    faults = {}
    for name in screens(page):
        assert page.locator("h1").count() == 1, name
        faults |= both_schemes(page, name)
    assert not {name: found for name, found in faults.items() if found}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_what_strangers_see_has_no_accessibility_fault(new_page, size, dark):
    page = new_page(who=None, size=size, dark=dark)
    for name, path in STRANGERS.items():
        page.goto(path)
        assert not axe(page), name
        assert fits(page), name


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_what_an_invited_person_sees_has_no_accessibility_fault(new_page, size):
    page = new_page()
    page.goto("/people/invite")
    page.fill("#email", f"dora.{size}@example.com")
    page.click("button:has-text('Invite person')")
    link = page.inner_text("#link")
    page.goto(link)
    assert not axe(page), "signed in as somebody else"
    stranger = new_page(who=None, size=size)
    stranger.goto(link)
    stranger.click("text=Set password")
    stranger.wait_for_selector(".errors")
    found = both_schemes(stranger, "invited")
    assert not {name: faults for name, faults in found.items() if faults}
    assert fits(stranger)


def test_no_page_scrolls_sideways(filled):
    page = filled()
    for name in screens(page):
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert fits(page), f"{name} at {width}"
        page.set_viewport_size({"width": 1280, "height": 800})


def test_the_first_visit_is_light_and_asks_nobody_else(new_page, site):
    page = new_page()
    page.goto("/tools/equipment/item/")
    sizes = []
    page.context.clear_cookies()
    fresh = new_page()
    client = fresh.context.new_cdp_session(fresh)
    client.send("Network.enable")
    client.send("Network.setCacheDisabled", {"cacheDisabled": True})
    hosts = set()
    client.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    client.on(
        "Network.requestWillBeSent", lambda event: hosts.add(event["request"]["url"].split("/")[2])
    )
    fresh.goto("/tools/equipment/item/", wait_until="networkidle")
    html = fresh.content()
    assert len(sizes) <= 5
    assert sum(sizes) <= 60_000, sizes
    assert hosts <= {site.url.removeprefix("http://")}, hosts
    assert len(html.encode()) <= 35_000


def test_a_page_says_error_focuses_the_summary_and_keeps_what_was_typed(filled):
    page = filled()
    page.goto("/tools/equipment/item/new")
    page.fill("[name=name]", "Half a bicycle")
    page.click("text=Save item")
    page.wait_for_selector(".errors")
    assert page.title().startswith("Error: ")
    assert page.evaluate("document.activeElement.className").startswith("errors")
    assert page.input_value("[name=name]") == "Half a bicycle"
    page.click(".errors a >> nth=0")
    assert page.evaluate("document.activeElement.tagName") in ("INPUT", "SELECT", "TEXTAREA")


def test_no_page_breaks_its_own_content_security_policy(filled):
    page = filled()
    said = []
    page.on(
        "console",
        lambda message: said.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    for name, path in SCREENS.items():
        if name != "missing":
            page.goto(path)
    assert said == []


# Tables that were imported ---------------------------------------------------------------------

ORDERS = "Order,Customer,Email,City,Product,Qty,Total,Status,Ordered,Paid,Remark\n" + "".join(
    f"SO-{20_001 + i},{['Kira Eriksen', 'Bruno Rossi', 'Nils Berger'][i % 3]},"
    f"person.{i}@example.com,{['Cork', 'Berlin', 'Lyon', 'Gdansk'][i % 4]},"
    f"{['Oak desk 160', 'Stool'][i % 2]},{i % 11 + 1},{i * 7919 % 6000 + i / 100:.2f},"
    f"{['Paid', 'Packed', 'Shipped', 'Returned'][i % 4]},2026-{i % 12 + 1:02}-{i % 28 + 1:02},"
    f"{['yes', 'no'][i % 2]},{'At the back door. ' * (i % 9)}\n"
    for i in range(60)
)
BROKEN = ORDERS.replace("SO-20011,", "SO-20011,moved,").replace("2026-08-08", "2026-02-31")


@pytest.fixture(scope="module")
def orders(chromium, site, tmp_path_factory):
    """The screens of a table of sixty orders and of its import, by name, as paths."""
    context = chromium.new_context(base_url=site.url)
    page = context.new_page()
    page.set_default_timeout(20_000)
    sign_in(page, "alice")
    seen = {}
    for name, content in (("orders", ORDERS), ("broken orders", BROKEN)):
        file = tmp_path_factory.mktemp("sheets") / f"{name}.csv"
        file.write_text(content, encoding="utf-8")
        page.goto("/studio/import")
        page.set_input_files("#file", file)
        page.click("button:has-text('Upload')")
        page.wait_for_url("**/studio/import/*")
        seen[f"columns of {name}"] = page.url
        page.click("button:has-text('Import 60 rows')")
        page.wait_for_url("**/jobs/*")
        page.wait_for_selector("text=/^(Open|Retry)/")
        seen[f"job of {name}"] = page.url
    page.goto(seen["job of orders"])
    page.click("text=Open Orders")
    page.wait_for_url("**/tools/**")
    table = page.url
    narrowed = f"{table}?q=oak&status=Shipped&qty__gt=8&sort=-total"
    design = table.replace("/tools/", "/studio/")
    context.close()
    return seen | {
        "list": f"{table}?per_page=13",
        "narrowed list": narrowed,
        "empty list": f"{table}?q=zzzzzz",
        "filter with a value": f"{narrowed}&add-field=city",
        "filter with an error": f"{narrowed}&add-field=qty&add-lookup=exact&add-value=few",
        "record": f"{table}4",
        "new record": f"{table}new",
        "edited record": f"{table}4/edit",
        "history of the table": f"{table}history",
        "gone": f"{table}999999",
        "upload": "/studio/import",
        "studio": "/studio/",
        "settings": design,
        "versions": f"{design}versions",
        "empty sheet": "/studio/new",
        "delete": f"{design}delete",
        "jobs": "/jobs/",
    }


def visited(page, orders):
    """Goes to each screen of tables, imports and jobs; its name, when it is there."""
    for name, path in orders.items():
        page.goto(path)
        page.evaluate(
            "for (const one of document.querySelectorAll('main details.data')) one.open = true"
        )
        yield name
    page.goto(orders["narrowed list"])
    for menu in ("Add filter", "Columns", "Export"):
        page.click(f"summary:has-text('{menu}')")
        yield f"menu {menu}"
        page.keyboard.press("Escape")
    page.goto(orders["columns of broken orders"])
    page.fill("[name=name]", "")
    yield from sent(page, "Import 60 rows", "columns with errors")
    page.goto(orders["upload"])
    yield from sent(page, "Upload", "upload with errors")
    page.goto(orders["settings"])
    page.fill("[name=label]", "")
    yield from sent(page, "Apply changes", "settings with errors")
    page.goto(orders["delete"])
    yield from sent(page, "Delete", "delete with errors")
    page.goto(orders["edited record"])
    page.fill("[name=qty]", "few")
    page.fill("[name=total]", "much")
    yield from sent(page, "Save order", "record with errors")
    page.goto(orders["edited record"])
    save_in_another_tab(page, orders)
    page.fill("[name=remark]", "Ring twice.")
    page.click("button:has-text('Save order')")
    page.wait_for_selector("h1:has-text('in between')")
    yield "conflict"
    page.goto(f"{orders['record']}/history")
    yield "history of a record"


def sent(page, button, name):
    """Sends a form that comes back with its errors."""
    page.click(f".primary:has-text('{button}'), .danger:has-text('{button}')")
    page.wait_for_selector(".errors")
    yield name


def save_in_another_tab(page, orders):
    other = page.context.new_page()
    other.goto(orders["edited record"])
    other.fill("[name=remark]", f"Ring {other.input_value('[name=remark]')[:40]}")
    other.click("button:has-text('Save order')")
    other.wait_for_selector("h2:has-text('History')")
    other.close()


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_no_screen_of_an_imported_table_has_an_accessibility_fault(new_page, orders, size):
    page = new_page(size=size)
    faults = {}
    for name in visited(page, orders):
        assert page.locator("h1").count() == 1, name
        assert fits(page), name
        faults |= both_schemes(page, name)
    assert not {name: found for name, found in faults.items() if found}


def test_no_screen_of_an_imported_table_scrolls_sideways(new_page, orders):
    page = new_page()
    for name in visited(page, orders):
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert fits(page), f"{name} at {width}"
        page.set_viewport_size({"width": 1280, "height": 800})
