"""The OpenAPI schema, made without a warning, and the page that shows it."""

from __future__ import annotations

import re
from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema() -> dict:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return yaml.safe_load(out.getvalue())


def test_every_operation_names_its_token_and_its_problems(schema: dict):
    assert schema["paths"]
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            content = operation["responses"]["default"]["content"]
            assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}, path
            assert {"token": []} in operation["security"] or path.startswith("/api/v1/routing"), path


@pytest.mark.parametrize("thing", ["task-sets", "contenders", "providers", "runs", "generations", "votes"])
def test_each_thing_has_a_list_and_a_detail(schema: dict, thing: str):
    paths = [path for path in schema["paths"] if path.startswith(f"/api/v1/{thing}")]
    assert f"/api/v1/{thing}" in paths
    assert any(re.fullmatch(rf"/api/v1/{thing}/{{\w+}}", path) for path in paths)


def test_the_schema_is_served():
    answer = Client().get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.")


def test_the_docs_page_needs_no_script_or_style_of_its_own():
    """Our content security policy would block it."""
    answer = Client().get("/api/docs/")
    page = answer.content.decode()
    assert "'unsafe-inline'" not in answer["Content-Security-Policy"]
    assert "<style" not in page
    assert not re.findall(r"<script(?![^>]*\bsrc=)", page)
    for source in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert source.startswith("/")
    script = Client().get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "/api/schema/" in script.content.decode() or "../schema/" in script.content.decode()
