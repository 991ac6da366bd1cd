"""The worker beside a real server: it does what is queued, and what a killed one has left."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.serving import run, serving, sign_in

DROP_INS = Path(__file__).parent / "drop_ins"
ROWS = 60_000


def upload(browser, content, name="numbers.csv"):
    """Send a file as a browser would; the address of what was found."""
    import urllib.request

    from tests.serving import csrf_token

    token = csrf_token(browser.get("/studio/import").text)
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'.encode(),
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode(),
        content,
        b"\r\n--x--\r\n",
    ]
    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Referer": f"{browser.url}/studio/import",
    }
    request = urllib.request.Request(f"{browser.url}/studio/import", b"".join(parts), headers)
    with browser.opener.open(request, timeout=60) as answer:
        return answer.geturl().removeprefix(browser.url)


def state(browser, place):
    return browser.get(f"{place}.json").json


def wait(browser, place, wanted, seconds=60):
    until = time.monotonic() + seconds
    while (job := state(browser, place))["state"] not in wanted:
        assert time.monotonic() < until, job
        time.sleep(0.05)
    return job


@pytest.fixture
def server(workspace, tmp_path):
    folder = tmp_path / "instance"
    shutil.copytree(workspace, folder)
    settings = {"ROUNDTRIP_SIGNIN_RATE": "off", "ROUNDTRIP_PLUGIN_DIRS": str(DROP_INS)}
    with serving(folder, settings) as server:
        yield server


def test_the_server_s_worker_imports_while_pages_are_answered(server):
    olga = sign_in(server, admin=False)
    place = upload(olga, b"Number,Square\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(500)))
    job = olga.post(place, {}, form=place).url.removeprefix(olga.url)
    assert job.startswith("/jobs/")
    told = wait(olga, job, {"done"})
    assert told["result"]["rows"] == 500
    assert "Open Numbers" in olga.get(job).text
    listed = run(server.instance, ["-m", "flask", "job", "list"])
    assert "done" in listed.stdout


def test_an_import_whose_worker_is_killed_is_done_by_the_next_and_once(server):
    olga = sign_in(server, admin=False)
    lines = b"".join(b"%d,word %d\n" % (i, i) for i in range(ROWS))
    place = upload(olga, b"Number,Word\n" + lines)
    job = olga.post(place, {}, form=place).url.removeprefix(olga.url)
    wait(olga, job, {"running"})
    assert olga.get("/accidents/kill-worker").json["code"] != 0
    told = wait(olga, job, {"done"}, seconds=90)
    assert told["attempts"] == 2
    assert told["result"]["rows"] == ROWS
    assert olga.get("/tools/numbers/numbers/").status == 200
    assert f"{ROWS:,}" in olga.get("/tools/numbers/numbers/").text
