"""`flask sheet import` and `export`: what goes out comes in again without a change."""

from __future__ import annotations

import json

import pytest

from app.sheets import open_book

CSV = (
    "Code,Name,Price,Born,Note\n"
    '007,Ada,1.50,1815-12-10,"=1+1"\n008,Grace,2.00,1906-12-09,\'quoted\n009,"Al, an",,,"two\nlines"\n'
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


@pytest.fixture
def flask(runner):
    def run(*words, ok=True):
        found = runner.invoke(args=["sheet", *map(str, words)])
        assert (found.exit_code == 0) is ok, found.output
        return found

    return run


@pytest.fixture
def table(flask, file):
    flask(
        "import",
        file,
        "--table",
        "crew/people",
        "--create",
        "--key",
        "code",
        "--as",
        "bob@example.com",
    )
    return "crew/people"


def counts(found):
    return {name: n for name, n in json.loads(found.stdout).items() if name != "problems"}


def test_create_counts_what_it_did_and_a_dry_run_says_the_same_and_does_nothing(flask, file):
    words = ("import", file, "--table", "crew/people", "--create", "--json")
    dry = counts(flask(*words, "--dry-run"))
    flask("export", "crew/people", ok=False)
    assert (
        dry
        == counts(flask(*words))
        == {"create": 3, "update": 0, "same": 0, "delete": 0, "reject": 0}
    )
    assert "already" in flask(*words, ok=False).output


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("mode", ["add", "update", "both", "mirror"])
def test_an_export_imports_again_with_no_change(flask, table, tmp_path, kind, mode):
    out = tmp_path / f"out.{kind}"
    flask("export", table, "--format", kind, "-o", out)
    found = flask(
        "import", out, "--table", table, "--key", "code", "--mode", mode, "--dry-run", "--json"
    )
    assert counts(found) == {"create": 0, "update": 0, "same": 3, "delete": 0, "reject": 0}


def test_an_export_has_what_was_imported_with_formulas_guarded(flask, table, tmp_path):
    out = tmp_path / "out.csv"
    flask("export", table, "-o", out)
    with open_book(out) as book:
        rows = [cells for _, cells in book.rows("out")]
    assert rows[0] == ["Code", "Name", "Price", "Born", "Note"]
    assert rows[1] == ["007", "Ada", "1.50", "1815-12-10", "'=1+1"]
    assert rows[2][4] == "'quoted"
    assert rows[3] == ["009", "Al, an", "", "", "two\nlines"]


def test_json_has_typed_values_and_filters_choose_rows(flask, table):
    found = json.loads(flask("export", table, "--format", "json", "--filter", "code=007").stdout)
    assert found == [
        {
            "id": 1,
            "code": "007",
            "name": "Ada",
            "price": "1.50",
            "born": "1815-12-10",
            "note": "=1+1",
        }
    ]


@pytest.mark.parametrize(
    ("mode", "wanted", "names"),
    [
        ("add", (1, 0, 1, 0), {"Ada", "Grace", "Al, an", "Alan"}),
        ("update", (0, 1, 0, 0), {"Lady Ada", "Grace", "Al, an"}),
        ("both", (1, 1, 0, 0), {"Lady Ada", "Grace", "Al, an", "Alan"}),
    ],
)
def test_modes_write_what_they_say_with_history(flask, table, file, mode, wanted, names):
    file.write_text("Code,Name\n007,Lady Ada\n010,Alan\n", encoding="utf-8")
    found = counts(flask("import", file, "--table", table, "--mode", mode, "--json"))
    assert tuple(found[word] for word in ("create", "update", "same", "delete")) == wanted
    rows = json.loads(flask("export", table, "--format", "json").stdout)
    assert {row["name"] for row in rows} == names


def test_mirror_does_not_delete_more_than_a_tenth_unseen(flask, table, file):
    file.write_text("Code,Name\n007,Ada\n", encoding="utf-8")
    words = ("import", file, "--table", table, "--mode", "mirror", "--json")
    assert counts(flask(*words, "--dry-run"))["delete"] == 2
    assert "would delete 2 of 3" in flask(*words, ok=False).output
    assert len(json.loads(flask("export", table, "--format", "json").stdout)) == 3


def test_a_key_that_comes_twice_is_refused_with_both_lines(flask, table, file):
    file.write_text("Code,Name\n007,Ada\n007,Eve\n", encoding="utf-8")
    found = json.loads(flask("import", file, "--table", table, "--json", "--dry-run").stdout)
    assert found["reject"] == 1
    assert found["problems"][0]["line"] == 3
    assert "line 2" in found["problems"][0]["reason"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export", "crew"), "TOOL/TABLE"),
        (("export", "no/such"), "no such table"),
        (("export", "crew/people", "--filter", "colour=red"), "colour"),
        (("export", "crew/people", "--format", "xlsx"), "-o FILE"),
        (("export", "crew/people", "--as", "nobody@example.com"), "nobody@example.com"),
        (("export", "crew/people", "--as", "charlie@example.com"), "charlie@example.com"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(flask, table, words, told):
    assert told in flask(*words, ok=False).output


def test_a_name_that_no_table_can_have_is_refused(flask, file):
    told = flask("import", file, "--create", "--table", "Crew/<b>", ok=False).output
    assert "“crew” can" in told


def test_a_column_the_table_does_not_have_is_named(flask, table, file):
    file.write_text("Code,Colour\n007,red\n", encoding="utf-8")
    assert "has no Colour" in flask("import", file, "--table", table, ok=False).output


def test_a_key_that_two_records_have_changes_neither(flask, file):
    flask("import", file, "--table", "crew/people", "--create")
    file.write_text("Code,Name\n007,Ada\n", encoding="utf-8")
    flask("import", file, "--table", "crew/people", "--mode", "add")
    before = flask("export", "crew/people", "--format", "json").stdout
    file.write_text("Code,Name\n007,Eve\n008,Grace\n", encoding="utf-8")
    words = ("import", file, "--table", "crew/people", "--key", "code", "--json")
    for found in (flask(*words, "--dry-run"), flask(*words)):
        assert counts(found) == {"create": 0, "update": 0, "same": 1, "delete": 0, "reject": 1}
        assert "2 records" in json.loads(found.stdout)["problems"][0]["reason"]
    assert flask("export", "crew/people", "--format", "json").stdout == before


def test_a_dry_run_of_a_new_table_leaves_out_what_the_import_leaves_out(flask, file):
    file.write_text(CSV + "007,Ada again,,,\n,Nobody,,,\n,Nobody,,,\n", encoding="utf-8")
    words = ("import", file, "--table", "crew/people", "--create", "--key", "code", "--json")
    dry, done = (json.loads(flask(*words, *more).stdout) for more in (["--dry-run"], []))
    assert dry == done
    assert (dry["create"], dry["reject"], dry["problems"][0]["value"]) == (5, 1, "007")


def test_a_key_that_is_none_names_those_that_are(flask, table, file):
    found = flask("import", file, "--table", table, "--key", "Colour", ok=False)
    assert "Colour is no key" in found.output
    assert "code, name" in found.output


@pytest.mark.parametrize("key", ["code", "Code", "CODE"])
def test_a_key_is_a_field_by_its_name_or_its_label(flask, file, key):
    words = ("import", file, "--table", "crew/people", "--key", key, "--json")
    created = flask(*words, "--create")
    again = flask(*words)
    assert counts(again)["same"] == counts(created)["create"]
