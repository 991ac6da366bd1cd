"""The page, the JSON and the Markdown of one trip: drawn truthfully, escaped, bounded."""

from __future__ import annotations

from app.trips.stages import STAGES, TITLES
from tests.trips.conftest import rows

CONTRACT = {"name", "start_us", "total_us", "own_us"}


def test_nine_stages_stand_in_their_order(alice_sees):
    trip_id = alice_sees.trip_id("/demo/list")
    headings = [heading for heading, _ in rows(alice_sees.page(trip_id))]
    assert [one for one in headings if one in TITLES] == list(TITLES)
    data = alice_sees.data(trip_id)
    assert tuple(stage["name"] for stage in data["stages"]) == STAGES
    assert all(CONTRACT <= set(stage) for stage in data["stages"])


def test_each_hook_has_its_own_row_with_its_verdict(alice_sees):
    found = dict(rows(alice_sees.page(alice_sees.trip_id("/demo/page"))))
    assert "passed" in found["hooks.csrf_token"]
    assert "changed" in found["hooks.security_headers"]
    assert "added X-Demo" in found["tests.trips.conftest.after_own"]
    assert "set g.demo" in found["tests.trips.conftest.only_here"]


def test_a_form_without_token_is_shown_as_blocked_by_that_hook(alice_sees):
    trip_id = alice_sees.trip_id("/auth/account", "post", data={"name": "x"})
    page = alice_sees.page(trip_id)
    assert "Stopped by hooks.csrf_token: 400" in page
    found = dict(rows(page))
    assert "blocked" in found["hooks.csrf_token"]
    assert "not reached: hooks.csrf_token answered first" in found["View"]
    data = alice_sees.data(trip_id)
    hook = next(one for one in data["hooks"] if one["name"] == "hooks.csrf_token")
    assert hook["verdict"] == "blocked" and hook["stage"] == "request_middleware"
    assert data["stages"][4]["own_us"] is None


def test_a_404_says_that_nothing_matched_and_what_was_tried(alice_sees):
    page = alice_sees.page(alice_sees.trip_id("/demo/nothing"))
    found = dict(rows(page))
    assert "404 Not Found: none of" in found["URL resolution"]
    assert "not reached" in found["View"]
    assert "/demo/page" in page
    assert "hooks.default_deny" in found, "Flask runs the hooks all the same"


def test_a_405_says_what_the_address_takes(alice_sees):
    found = dict(rows(alice_sees.page(alice_sees.trip_id("/demo/page", "post"))))
    assert "405 Method Not Allowed: the address takes GET" in found["URL resolution"]


def test_a_redirect_is_an_answer_like_any_other(alice_sees):
    page = alice_sees.page(alice_sees.trip_id("/demo/go"))
    assert "303 See Other" in page and "Stopped" not in page
    assert "no template was rendered" in dict(rows(page))["Template"]


def test_an_error_is_named_escaped_and_its_stage_marked(alice_sees):
    page = alice_sees.page(alice_sees.trip_id("/demo/boom"))
    assert "Failed: ValueError: &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert 'class="stopped' in page or "stopped " in page


def test_a_streamed_answer_says_what_was_handed_over(alice_sees):
    page = alice_sees.page(alice_sees.trip_id("/demo/stream"))
    assert "1.2 KB handed over" in dict(rows(page))["Response"]


def test_what_only_waitress_can_tell_is_not_measured_and_never_zero(alice_sees):
    trip_id = alice_sees.trip_id("/demo/page")
    found = dict(rows(alice_sees.page(trip_id)))
    assert "not measured: only the Waitress server" in found["Client request"]
    assert "wait in the queue not measured" in found["WSGI"]
    assert alice_sees.data(trip_id)["stages"][0]["own_us"] is None
    for heading, text in found.items():
        assert " 0% " not in f"{text} " and " 0.00 " not in f"{text} ", heading


def test_equal_statements_and_equal_templates_are_one_row_each(alice_sees):
    alice_sees.client.get("/")  # the first page of a process reads which tables there are
    page = alice_sees.page(alice_sees.trip_id("/demo/list"))
    found = dict(rows(page))
    assert "× 20" in found["demo/row.html"]
    assert "× 20 · 20 rows · SELECT name FROM person" in found["in demo/row.html"]
    assert "22 queries, one × 20" in found["Model and database"]


def test_work_of_the_database_inside_a_hook_says_so(alice_sees):
    found = dict(rows(alice_sees.page(alice_sees.trip_id("/demo/page"))))
    assert "SELECT" in found["in hooks.person"]


def test_steps_and_events_are_shown_where_they_happened(alice_sees):
    page = alice_sees.page(alice_sees.trip_id("/demo/page"))
    assert "a step of its work" in dict(rows(page))["think"]
    assert "missed &lt;b&gt;it&lt;/b&gt;" in page


def test_the_facts_of_n_plus_one_are_told_in_words(alice_sees, app):
    trip_id = alice_sees.trip_id("/demo/page")
    keeper = app.extensions["trips"]
    trip = next(trip for trip in keeper.in_memory() if trip.id == trip_id)
    trip.lazy = {("Item.loans", "equipment/list.html"): 20}
    page = alice_sees.page(trip_id)
    assert "Item.loans was loaded 20 times from equipment/list.html" in page
    assert "N+1" in alice_sees.client.get("/trips/").text


def test_a_page_of_500_spans_and_200_log_lines_stays_under_100_kb(alice_sees):
    trip_id = alice_sees.trip_id("/demo/many")
    page = alice_sees.page(trip_id)
    assert len(page.encode()) < 100_000
    assert "more were only counted" in page
    assert "<details" in page


def test_hostile_paths_and_headers_are_text(alice_sees):
    path = "/<script>alert(1)</script>/%1b[31m%0aSet-Cookie"
    headers = {"User-Agent": '"><img src=x onerror=alert(1)>'}
    trip_id = alice_sees.trip_id(path, headers=headers)
    for page in (alice_sees.page(trip_id), alice_sees.client.get("/trips/").text):
        assert "<script>alert" not in page and "<img" not in page
        assert "\x1b" not in page
    assert "&lt;script&gt;" in alice_sees.page(trip_id)


def test_pages_carry_no_styles_or_scripts_of_their_own(alice_sees):
    page = alice_sees.page(alice_sees.trip_id("/demo/list"))
    assert "style=" not in page and "<script>" not in page and "onclick" not in page


def test_markdown_is_text_in_which_nothing_foreign_can_start_markup(alice_sees):
    trip_id = alice_sees.trip_id("/a`b|c\n# d", headers={"User-Agent": "x"})
    answer = alice_sees.client.get(f"/trips/{trip_id}.md")
    assert answer.mimetype == "text/markdown"
    assert answer.text.startswith("# Trip ")
    assert "| 5 | View | not reached |" in answer.text
    assert "a`b" not in answer.text and "\n# d" not in answer.text
    assert answer.text.strip().splitlines()[0] in alice_sees.page(trip_id)


def test_a_kept_trip_is_on_disk_and_says_why(alice_sees, app):
    trip_id = alice_sees.trip_id("/demo/page")
    answer = alice_sees.client.send(f"/trips/{trip_id}/keep")
    assert answer.status_code == 303
    store = app.extensions["trips"].store
    store.flush()
    assert store.read(trip_id)["keep"] == "marked"
    page = alice_sees.page(trip_id)
    assert "because somebody asked for it" in page and "Keep this trip" not in page


def test_a_running_trip_can_be_looked_at_as_far_as_it_got(alice_sees, app):
    running = next(iter(app.extensions["trips"].running), None)
    assert running is None
    answer = alice_sees.client.get("/demo/stream", buffered=False)
    page = alice_sees.page(answer.headers["X-Trip-Id"])
    assert "Still running" in page
    answer.close()


def test_what_the_recording_cost_is_said(alice_sees):
    trip_id = alice_sees.trip_id("/demo/page")
    assert "Recording cost about 0." in alice_sees.page(trip_id)
    assert alice_sees.data(trip_id)["recorder_us"] > 0


def test_the_page_needs_as_many_queries_for_one_span_as_for_five_hundred(alice_sees, trip_of):
    alice_sees.client.get("/")  # the first page of a process reads which tables there are
    for url in ("/demo/page", "/demo/many"):
        trip_of(alice_sees.client.get(f"/trips/{alice_sees.trip_id(url)}")).queries(2)
