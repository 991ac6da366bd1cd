"""What the API says of itself: true, whole, valid, and no more than the asker may see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api import workspace
from tests.api.workspace import FIXED, HIDDEN

validator = pytest.importorskip("openapi_spec_validator", reason="test requirements are missing")
jsonschema = pytest.importorskip("jsonschema", reason="test requirements are missing")


@pytest.fixture
def keys(app) -> workspace.Workspace:
    return workspace.make(app)


@pytest.fixture
def ask(app, keys) -> Any:
    """A function: who, address → the JSON that they get."""

    def get(who: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {getattr(keys, who)}"}
        answer = app.test_client().get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json

    return get


@pytest.mark.parametrize("who", ["administrator", "member"])
def test_the_document_is_valid_openapi(ask, who):
    validator.validate(ask(who, "/api/v1/openapi.json"))
