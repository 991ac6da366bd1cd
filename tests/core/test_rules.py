"""An address is built the same whether its rule is compiled late or at once."""

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.routing import Map, Rule

import app as core
from app.rules import LateRule

RULES = ["/", "/a b/é", "/<name>/", "/x/<path:name>.<any(csv,json):kind>"]
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)


def built(kind, rule, values, unknown):
    made = kind(rule, endpoint="page", defaults={"page": 1})
    Map([made])
    return [made.build(values, append_unknown=unknown) for _ in range(2)]


@pytest.mark.parametrize("rule", RULES)
@given(name=TEXTS, n=st.integers(0), extra=TEXTS, unknown=st.booleans())
def test_addresses_are_built_as_werkzeug_builds_them(rule, name, n, extra, unknown):
    values = {"name": name, "n": n, "kind": "csv", "q": extra, "several": [extra, name]}
    assert built(LateRule, rule, values, unknown) == built(Rule, rule, values, unknown)


def test_a_start_compiles_no_address(app):
    late = next(rule for rule in app.url_map.iter_rules() if rule.endpoint == "home.index")
    compiled = Rule("/", endpoint="page")
    Map([compiled])
    assert compiled._build.__func__.__code__.co_filename == "<werkzeug routing>"
    assert late._build.__func__.__code__.co_filename != "<werkzeug routing>"


def test_the_collector_is_on_once_the_core_is_loaded():
    assert core.create_app and gc.isenabled()
