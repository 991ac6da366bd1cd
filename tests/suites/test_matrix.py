"""Every address for everybody: what is expected stands in `matrix.txt`, to be read and changed by people."""

from __future__ import annotations

import pytest

from tests.suites import matrix


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return matrix.Workspace(tmp_path_factory.mktemp("matrix"))


def test_every_address_is_in_the_table_and_no_other(workspace):
    there = {str(line) for line in workspace.lines()}
    listed = set(matrix.expected())
    assert not there - listed, (
        "addresses that nobody has decided about: python tests/suites/matrix.py"
    )
    assert not listed - there, "addresses that are gone"


@pytest.mark.parametrize("who", matrix.WHO)
def test_c1_everybody_gets_what_the_table_says(workspace, who):
    expected = matrix.expected()
    found = {str(line): sign for line, sign in workspace.column(who)}
    wrong = {
        line: f"{sign} instead of {expected.get(line, {}).get(who)}"
        for line, sign in found.items()
        if sign != expected.get(line, {}).get(who)
    }
    assert not wrong
