"""The policy by API and by command: the same rules, the same errors, never over somebody else's."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from arena.models import ApiToken
from evals.models import Category, Contender
from routing.models import PolicyVersion, RoutingTable
from routing.policy.diff import policy_diff
from routing.policy.parse import default_document, parse
from routing.policy.services import save_policy
from routing.policy.text import read_text

API = "/api/v1/routing/policy"


@pytest.fixture
def of(db: None) -> Callable[..., dict[str, str]]:
    def headers(*scopes: str) -> dict[str, str]:
        _, key = ApiToken.objects.create_key(name="deploy", scopes=list(scopes))
        return {"Authorization": f"Bearer {key}"}

    return headers


@pytest.fixture
def put(of: Callable[..., dict[str, str]]) -> Callable[..., Any]:
    headers = of("routing:publish")
    return lambda **body: Client().put(API, json.dumps(body), content_type="application/json", headers=headers)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_policy_is_read_and_replaced(put: Any, of: Any, code: Category):
    headers = of("routing:publish")
    assert Client().get(API, headers=of("routing:read")).status_code == 403
    assert Client().get(API).status_code == 401
    got = Client().get(API, headers=headers).json()
    assert (got["version"], got["document"]) == (1, default_document())
    saved = put(document=got["document"] | {"on_expired": "refuse"}, reason="Stricter.", base=1)
    assert saved.status_code == 200
    assert (saved.json()["version"], saved.json()["actor"]) == (2, "token deploy")
    versions = Client().get(f"{API}/versions", headers=headers).json()["results"]
    assert [(one["version"], one["reason"]) for one in versions] == [(2, "Stricter."), (1, "The default policy.")]
    assert versions[0]["document"]["on_expired"] == "refuse"


def test_an_unknown_field_beside_the_document_saves_nothing(put: Any, code: Category):
    told = put(document=default_document() | {"on_expired": "refuse"}, reason="Look.", base=0, dryrun=True)
    assert (told.status_code, told.json()["errors"]) == (400, {"dryrun": ["Not known. Did you mean dry_run?"]})
    assert not PolicyVersion.objects.filter(reason="Look.").exists()


def test_wrong_fields_are_told_by_name(put: Any, code: Category):
    document = {"every_category": {"gate": {"alpha": "4O"}, "objective": "bst"}}
    told = put(document=document, reason="x", base=0)
    assert (told.status_code, told["Content-Type"]) == (400, "application/problem+json")
    assert {one["field"] for one in told.json()["errors"]} == {"every_category.gate.alpha", "every_category.objective"}
    assert "“4O” is not a number." in told.json()["errors"][1]["message"] + told.json()["errors"][0]["message"]
    assert set(put(document={}).json()["errors"]) == {"reason", "base"}


def test_an_older_base_is_a_conflict(put: Any, code: Category):
    save_policy(document={}, reason="One.")
    save_policy(document={"on_expired": "refuse"}, reason="Two.")
    told = put(document={"on_expired": "use_default"}, reason="Mine.", base=1)
    assert (told.status_code, told.json()["newest"]) == (409, 2)
    assert "Nothing was saved" in told.json()["detail"]
    assert PolicyVersion.objects.count() == 2


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_dry_run_says_what_it_would_publish(put: Any, voted: Category):
    before = PolicyVersion.objects.count()
    document = {"every_category": {"gate": {"min_votes": 3}}, "categories": {"cod": {}}}
    told = put(document=document, reason="x", base=1, dry_run=True).json()
    assert (told["cause"], told["table"]["categories"]["code"]["routes"][0]["primary"]) == ("first", "a")
    assert told["notices"][0]["field"] == "categories.cod"
    assert (PolicyVersion.objects.count(), RoutingTable.objects.count()) == (before, 0)


def test_a_policy_that_goes_by_prices_is_told_which_are_old(put: Any, voted: Category):
    Contender.objects.filter(slug="a").update(usd_per_mtok_input=1, usd_per_mtok_output=2)
    best: dict[str, Any] = {"routes": [{}]}
    cheapest = {"routes": [{"name": "bulk", "when": {"label": "bulk"}, "objective": "cheapest"}, {}]}

    def told(rules: dict[str, Any]) -> list[dict[str, str]]:
        found: list[dict[str, str]] = put(document={"every_category": rules}, reason="x", base=1, dry_run=True).json()[
            "notices"
        ]
        return found

    assert told(best) == []
    [notice] = told(cheapest)
    assert notice["field"] == "every_category.routes[0]"
    assert "those of a were last checked more than 60 days ago" in notice["message"]
    Contender.objects.filter(slug="a").update(priced_at=datetime.now(UTC).date())
    assert told(cheapest) == []


def run(*args: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("policy", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_what_is_exported_is_imported_again(code: Category, tmp_path: Path, suffix: str):
    file = tmp_path / f"policy.{suffix}"
    save_policy(document={"categories": {"code": {"min_gain": 0.3}}}, reason="Base.")
    _, told = run("--export", str(file))
    assert "Policy 1 written" in told
    out, _ = run("--import", str(file), "--reason", "Again.")
    assert "the rules of policy 1 already" in out
    file.write_text(file.read_text().replace("0.3", "0.4"))
    out, _ = run("--import", str(file), "--reason", "More.", "--base", "1")
    assert "Policy 2 saved" in out
    saved = PolicyVersion.objects.get(version=2)
    assert (saved.document["categories"]["code"]["min_gain"], saved.actor, saved.reason) == (
        0.4,
        "command line",
        "More.",
    )
    file.write_text(file.read_text().replace("0.4", "0.5"))
    with pytest.raises(CommandError, match="Policy 2 exists by now"):
        run("--import", str(file), "--reason", "Late.", "--base", "1")


def test_the_policy_is_printed(code: Category):
    assert read_text(run()[0]) == default_document()
    save_policy(document={"on_expired": "refuse"}, reason="Base.")
    save_policy(document={}, reason="Back.")
    assert read_text(run("--json")[0])["on_expired"] == "use_last_good"
    assert read_text(run("--policy", "1")[0])["on_expired"] == "refuse"
    with pytest.raises(CommandError, match="no policy 9"):
        run("--policy", "9")


def test_checking_a_file_stores_nothing(voted: Category, tmp_path: Path):
    before = PolicyVersion.objects.count()
    file = tmp_path / "policy.yaml"
    file.write_text("every_category:\n  gate: {min_votes: 3}\ncategories:\n  cod: {}\n")
    out, err = run("--check", str(file))
    assert "code: first (a). a leads after 315 votes" in out
    assert "Version 1 would be published: first." in out
    assert "Note: categories.cod: There is no category cod" in err
    assert (PolicyVersion.objects.count(), RoutingTable.objects.count()) == (before, 0)


@pytest.mark.parametrize(
    ("name", "written", "message"),
    [
        ("p.yaml", "every_category:\n  gate: {alpha: 7}\n", "every_category.gate.alpha: “7” is more than 0.5"),
        ("p.yaml", "a: [1\nb: 2", "line 2, column 2"),
        ("p.json", "{\n ", "column 2"),
    ],
)
def test_a_wrong_file_is_told_by_field_or_line(code: Category, tmp_path: Path, name: str, written: str, message: str):
    file = tmp_path / name
    file.write_text(written)
    with pytest.raises(CommandError, match=message):
        run("--import", str(file), "--reason", "x")
    assert not PolicyVersion.objects.exists()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_files_that_cannot_be_read_or_written_are_told(code: Category, tmp_path: Path):
    with pytest.raises(CommandError, match="No such file"):
        run("--import", str(tmp_path / "none.yaml"), "--reason", "x")
    with pytest.raises(CommandError, match=r"ends in \.json or \.yaml"):
        run("--export", str(tmp_path / "policy.txt"))
    (tmp_path / "p.yaml").write_text("{}")
    with pytest.raises(CommandError, match="--reason: Write a reason"):
        run("--import", str(tmp_path / "p.yaml"))


def test_help_has_an_example(capsys: Any):
    with pytest.raises(SystemExit):
        call_command("policy", "--help")
    assert "manage.py policy --import policy.yaml" in capsys.readouterr().out


def test_a_stored_policy_that_says_held_stays_and_is_no_other_than_one_that_says_approval(put: Any, code: Category):
    held = default_document()
    held["every_category"]["gate"]["mode"] = "held"
    policy = parse(held)
    stored = PolicyVersion.objects.create(version=1, document=policy.document, sha256=policy.sha256, reason="Old.")
    approval = default_document()
    approval["every_category"]["gate"]["mode"] = "approval"
    for document in (held, approval):
        assert put(document=document, reason="The same again.", base=1).json()["version"] == 1
    stored.refresh_from_db()
    assert (stored.document, stored.sha256) == (held, policy.sha256)
    saved = put(document=held | {"on_expired": "refuse"}, reason="Stricter.", base=1).json()
    assert saved["version"] == 2
    newest = PolicyVersion.objects.get(version=2).document
    assert newest["every_category"]["gate"]["mode"] == "approval"
    assert [change.field for change in policy_diff(held, newest)] == ["on_expired"]
