"""Exports by command, by API and on the page."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from arena.models import User
from evals.models import Category, Contender
from routing.gateways import FORMATS, export
from routing.models import RoutingTable
from routing.publishing.publisher import AUTOMATIC, publish
from tests.routing.conftest import FLIPPED, cast

API = "/api/v1/routing/"


@pytest.fixture
def stored(voted: Category) -> RoutingTable:
    Contender.objects.filter(slug="c").update(settings={"system": "Be terse."})
    publish(actor="Mara")
    return RoutingTable.objects.get()


@pytest.fixture
def public(settings: Any) -> Client:
    settings.ARENA_ROUTING_READ = "public"
    return Client()


@pytest.mark.parametrize("name", FORMATS)
def test_the_command_prints_the_text_and_what_it_cannot_say(stored: RoutingTable, name: str):
    out, err = io.StringIO(), io.StringIO()
    call_command("routing_table", "--format", name, stdout=out, stderr=err)
    made = export(name, bytes(stored.body))
    assert out.getvalue() == made.text
    assert err.getvalue().splitlines() == list(made.notes)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("path", ["latest", "versions/1"])
def test_the_api_answers_with_it(public: Client, stored: RoutingTable, name: str, path: str):
    got = public.get(f"{API}{path}?format={name}")
    assert got.content.decode() == export(name, bytes(stored.body)).text
    assert got["Content-Type"] == FORMATS[name].media_type
    assert got["Arena-Table-Version"] == "1"
    # What is signed for a year is the table, and this is not it.
    assert "Arena-Table-Signature" not in got
    assert got["Cache-Control"] == "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400"
    again = public.get(f"{API}{path}?format={name}", headers={"If-None-Match": got["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", got["ETag"])
    assert again["Arena-Table-Version"] == "1"


def test_another_version_is_another_text(public: Client, stored: RoutingTable, voted: Category):
    first = public.get(f"{API}latest?format=litellm")
    cast(voted, FLIPPED)
    publish(actor=AUTOMATIC)
    newest, older = public.get(f"{API}latest?format=litellm"), public.get(f"{API}versions/1?format=litellm")
    assert older.content == first.content
    assert newest["ETag"] != first["ETag"]
    models = [yaml.safe_load(got.content)["model_list"][0]["litellm_params"]["model"] for got in (older, newest)]
    assert models == ["openai/a-1", "openai/b-1"]


def test_what_is_not_there_is_told(public: Client, db: None):
    got = public.get(f"{API}latest?format=portkey")
    assert (got.status_code, got["Content-Type"]) == (404, "application/problem+json")
    assert "manage.py publish" in got.json()["detail"]
    assert "not published yet" in public.get(f"{API}versions/3?format=portkey").json()["detail"]


@pytest.mark.parametrize("path", ["latest", "versions/1"])
def test_a_format_that_there_is_not_names_those_that_there_are(public: Client, stored: RoutingTable, path: str):
    got = public.get(f"{API}{path}?format=envoy")
    assert got.status_code == 400
    assert all(f"format={name}" in got.json()["detail"] for name in FORMATS)


def test_reading_needs_what_the_table_needs(stored: RoutingTable, viewer_user: User, client_of: Any):
    assert Client().get(f"{API}latest?format=litellm").status_code == 401
    got = client_of(viewer_user).get(f"{API}latest?format=litellm")
    assert (got.status_code, got["Cache-Control"].split(",")[0]) == (200, "private")


def test_the_schema_of_the_api_lists_the_formats(client_of: Any, viewer_user: User):
    got = client_of(viewer_user).get(reverse("api-schema"), headers={"Accept": "application/vnd.oai.openapi+json"})
    paths = json.loads(got.content)["paths"]
    for path in ("latest", "versions/{version}"):
        operation = paths[f"{API}{path}"]["get"]
        (asked,) = [one for one in operation["parameters"] if one["name"] == "format"]
        assert asked["schema"]["enum"] == ["json", *FORMATS]
        assert set(operation["responses"]["200"]["content"]) == {"application/json", "application/yaml"}


@pytest.mark.parametrize("address", ["/routing/", "/routing/versions/1/"])
def test_the_page_links_to_each_and_tells_what_it_cannot_express(
    stored: RoutingTable, viewer_user: User, client_of: Any, address: str
):
    client = client_of(viewer_user)
    page = client.get(address).content.decode()
    for name, kind in FORMATS.items():
        (link,) = re.findall(rf'href="([^"]*\?format={name})">{kind.title}<', page)
        assert client.get(link).status_code == 200
    assert "cannot put its system text before the caller&#x27;s messages" in page
