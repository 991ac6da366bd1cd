"""`flask job …`."""

from __future__ import annotations

import json


def run(runner, *words):
    return runner.invoke(args=["job", *words])


def test_list_and_show_tell_of_all_jobs(runner, queued, work):
    one, two = queued("bob"), queued("alice", fail=True)
    work()
    listed = run(runner, "list").output
    assert f"{one}\tdone\t3 of 3\tBob Brown" in listed
    assert f"{two}\tfailed" in listed
    assert [job["id"] for job in json.loads(run(runner, "list", "--json").output)] == [two, one]
    shown = run(runner, "show", str(one)).output
    assert "3 rows stored" in shown
    assert "line 2, Name: “<b>x</b>” is no number" in shown
    assert json.loads(run(runner, "show", str(one), "--json").output)["state"] == "done"


def test_cancel_and_retry(runner, queued, work):
    job = queued()
    assert run(runner, "cancel", str(job)).exit_code == 0
    assert json.loads(run(runner, "retry", str(job), "--json").output)["state"] == "queued"
    work()
    assert json.loads(run(runner, "show", str(job), "--json").output)["state"] == "done"


def test_what_cannot_be_done_ends_in_one_line(runner, queued, work):
    job = queued()
    work()
    for words in (
        ["show", "999"],
        ["cancel", str(job)],
        ["retry", str(job)],
        ["show", "-1"],
        ["show", "x"],
    ):
        answer = run(runner, *words)
        assert answer.exit_code != 0, words
        assert "Traceback" not in answer.output
