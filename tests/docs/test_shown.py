"""Tests that the manual shows on its page about tests, run as they stand there."""


def test_bob_changes_his_name(bob):
    answer = bob.send("/auth/account", name="Bobby", theme="dark", density="compact")
    assert answer.status_code == 303
    assert "Bobby" in bob.get("/auth/account").text


def test_the_list_of_sessions_needs_three_queries(bob, trip_of):
    bob.get("/auth/sessions")  # the first request of a process reads which tables there are
    trip_of(bob.get("/auth/sessions")).queries(3).no_n_plus_one().blocked_by(None)


def test_a_form_without_a_token_is_stopped(bob, trip_of):
    trip_of(bob.post("/auth/account")).blocked_by("hooks.csrf_token")


def test_a_stranger_never_reaches_the_view(client, trip_of):
    check = trip_of(client.get("/")).blocked_by("hooks.default_deny")
    assert check.stage("view")["state"] == "not reached"
