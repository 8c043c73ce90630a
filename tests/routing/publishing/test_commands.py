"""publish, routing_table and create_token as one types them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from arena.accounts.tokens import find_token
from arena.models import ApiToken
from evals.models import Category, Contender
from routing.models import RoutingTable
from tests.routing.conftest import EAGER


def run(*args: str) -> str:
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_publish_says_for_each_category_what_happened(voted: Category):
    told = run("publish")
    assert told.startswith("code: first (a). a leads after 315 votes")
    assert told.endswith("Version 1 published: first.\n")
    assert "every decision is the same as in version 1" in run("publish")


def test_commands_warn_of_contenders_that_services_cannot_call(voted: Category, capsys: Any, tmp_path: Any):
    run("publish", "--dry-run")
    assert capsys.readouterr().err == ""
    Contender.objects.filter(slug="a").update(kind="imported", base_url="", used_at=timezone.now())
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(EAGER), encoding="utf-8")
    warning = (
        "Note: a was imported: services find no address to call. "
        "Map it to a contender with import_generations --contender.\n"
    )
    for args in (["publish", "--dry-run"], ["policy", "--check", str(policy)], ["publish"], ["publish", "--dry-run"]):
        run(*args)
        assert capsys.readouterr().err == warning
    Contender.objects.filter(slug="b").update(kind="imported", base_url="", used_at=timezone.now())
    run("publish", "--dry-run")
    assert capsys.readouterr().err.startswith("Note: a and b were imported: services find no address")


def test_publish_json_is_one_document(voted: Category):
    told = json.loads(run("publish", "--json"))
    assert (told["published"], told["version"]) == (True, 1)
    assert [one["outcome"] for one in told["decisions"]] == ["first"]


def test_a_dry_run_publishes_nothing(voted: Category):
    assert "Version 1 would be published: first." in run("publish", "--dry-run")
    assert RoutingTable.objects.count() == 0


@pytest.mark.on_both(because="the engines give bytes back in types of their own")
def test_routing_table_prints_the_stored_bytes(voted: Category):
    with pytest.raises(CommandError, match="publish --dry-run"):
        run("routing_table")
    run("publish")
    assert run("routing_table").encode() == bytes(RoutingTable.objects.get().body)
    assert run("routing_table", "--version", "1", "--format", "json") == run("routing_table")
    with pytest.raises(CommandError, match="The newest is 1"):
        run("routing_table", "--version", "9")


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_token_is_printed_alone_on_the_last_line(db: None):
    told = run("create_token", "--name", "checkout", "--scope", "routing:read", "--scope", "evals:read")
    token = find_token(told.splitlines()[-1])
    assert token is not None
    assert (token.name, token.scopes) == ("checkout", ["evals:read", "routing:read"])
    assert told.splitlines()[-1] not in str(ApiToken.objects.values())


@pytest.mark.parametrize(
    "args", [["--name", "x"], ["--name", "x", "--scope", "everything"], ["--scope", "routing:read"]]
)
def test_a_token_needs_a_name_and_known_scopes(db: None, args: list[str]):
    with pytest.raises(CommandError):
        run("create_token", *args)


@pytest.mark.parametrize("command", ["publish", "routing_table", "create_token"])
def test_help_has_an_example(command: str, capsys: Any):
    with pytest.raises(SystemExit):
        call_command(command, "--help")
    assert f"manage.py {command}" in capsys.readouterr().out
