"""`/api/v1/routing/`: what each address answers, and to whom."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator

from arena.models import ApiToken, User
from evals.models import Category
from routing.models import AuditEntry, Publication, RoutingTable
from routing.publishing.publisher import AUTOMATIC, publish
from tests.routing.conftest import FLIPPED, cast
from tests.routing.signatures import is_signed

API = "/api/v1/routing/"


@pytest.fixture
def table(voted: Category) -> RoutingTable:
    publish(actor="Mara")
    return RoutingTable.objects.get()


@pytest.fixture
def two_tables(table: RoutingTable, voted: Category) -> list[RoutingTable]:
    cast(voted, FLIPPED)
    publish(actor=AUTOMATIC)
    return list(RoutingTable.objects.order_by("version"))


@pytest.fixture
def of(db: None) -> Callable[..., Any]:
    """`of("routing:read")`: headers of a token with these scopes."""

    def headers(*scopes: str) -> dict[str, str]:
        _, key = ApiToken.objects.create_key(name="service", scopes=list(scopes))
        return {"Authorization": f"Bearer {key}"}

    return headers


@pytest.fixture
def reader(of: Callable[..., dict[str, str]]) -> Callable[..., Any]:
    headers = of("routing:read")
    return lambda path, **more: Client().get(API + path, headers=headers | more)


def post(path: str, body: Any, headers: dict[str, str]) -> Any:
    return Client().post(API + path, json.dumps(body), content_type="application/json", headers=headers)


@pytest.mark.on_both(because="the engines give bytes back in types of their own")
def test_latest_is_the_stored_bytes_with_the_lanes_headers(reader: Any, table: RoutingTable):
    got = reader("latest")
    assert got.content == bytes(table.body)
    assert got["ETag"] == f'"sha256:{table.sha256}"'
    assert got["Cache-Control"] == "private, max-age=15, stale-while-revalidate=60, stale-if-error=86400"
    assert (got["Arena-Table-Version"], got["Arena-Table-Signature"]) == ("1", table.signature)
    assert got["Content-Type"] == "application/json"


def test_latest_answers_304_to_who_has_it(reader: Any, table: RoutingTable):
    got = reader("latest", **{"If-None-Match": f'W/"sha256:{table.sha256}"'})
    assert (got.status_code, got.content) == (304, b"")
    assert got["Arena-Table-Version"] == "1"


def test_latest_before_the_first_publication_says_how_to_publish(reader: Any):
    got = reader("latest")
    assert (got.status_code, got["Content-Type"]) == (404, "application/problem+json")
    assert "manage.py publish" in got.json()["detail"]


def test_an_unknown_format_is_refused_by_name(reader: Any, table: RoutingTable):
    got = reader("latest?format=envoy")
    assert got.status_code == 400
    assert "envoy" in got.json()["detail"]
    assert reader("latest?format=json").status_code == 200


def test_whatever_is_accepted_the_stored_bytes_are_sent(reader: Any, table: RoutingTable):
    assert reader("latest", Accept="text/html").status_code == 200


def test_reading_needs_a_token_with_the_scope(table: RoutingTable, of: Any):
    for path in ("latest", "versions", "versions/1", "diff?from=1&to=1", "schema", "keys"):
        bare = Client().get(API + path)
        assert (bare.status_code, bare["Content-Type"]) == (401, "application/problem+json"), path
        assert Client().get(API + path, headers=of("evals:read")).status_code == 403, path
        assert Client().get(API + path, headers=of("routing:read")).status_code == 200, path


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic YTpi"}])
def test_a_request_without_a_token_is_told_which_to_send(db: None, header: dict[str, str]):
    wanted = "Send a token with the scope {}: Authorization: Bearer <token>. Make one with manage.py create_token."
    for path, scope in (("outcomes", "outcomes:write"), ("publish", "routing:publish"), ("select", "routing:read")):
        got = post(path, {}, header)
        assert (got.status_code, got["WWW-Authenticate"]) == (401, 'Bearer realm="arena"')
        assert got.json()["detail"] == wanted.format(scope)
    browsed = Client().get("/api/v1/contenders", headers=header).json()
    assert browsed["detail"] == wanted.format("evals:read")


def test_a_token_that_is_not_known_is_told_how_to_make_one(db: None):
    got = post("publish", {"reason": "Go."}, {"Authorization": "Bearer abcdefgh.unknown"})
    told = "This token is not known or was revoked. Make one with manage.py create_token."
    assert (got.status_code, got.json()["detail"]) == (401, told)


def test_reading_may_be_public_and_a_wrong_token_keeps_nobody_from_it(table: RoutingTable, settings: Any):
    settings.ARENA_ROUTING_READ = "public"
    got = Client().get(f"{API}latest", headers={"Authorization": "Bearer wrong"})
    assert got.status_code == 200
    assert got["Cache-Control"].startswith("public,")


def test_a_signed_in_viewer_may_read(table: RoutingTable, viewer_user: User, client_of: Any):
    assert client_of(viewer_user).get(f"{API}latest").status_code == 200


def test_a_version_is_the_same_for_a_year(reader: Any, two_tables: list[RoutingTable]):
    got = reader("versions/1")
    assert got.content == bytes(two_tables[0].body)
    assert got["Cache-Control"] == "private, max-age=31536000, immutable"
    missing = reader("versions/9")
    assert missing.status_code == 404
    assert "newest is 2" in missing.json()["detail"]


def test_the_history_tells_causes_newest_first(reader: Any, two_tables: list[RoutingTable]):
    lines = reader("versions").json()["results"]
    assert [(one["version"], one["cause"], one["actor"]) for one in lines] == [
        (2, "switched", "automatic"),
        (1, "first", "Mara"),
    ]
    assert "b leads a by" in lines[0]["reason"]
    page = reader("versions?page_size=1").json()
    assert [one["version"] for one in page["results"]] == [2]
    assert page["next"]


def test_a_diff_names_changes_and_the_decision_behind_them(reader: Any, two_tables: list[RoutingTable]):
    told = reader("diff?from=1&to=2").json()
    code = told["categories"]["code"]
    primary = next(one for one in code["changes"] if one["field"] == "primary")
    assert (primary["where"], primary["before"], primary["after"]) == ("code", "a", "b")
    assert code["decision"]["outcome"] == "switched"
    assert code["decision"]["leaderboard"]["seq"] == 955
    assert code["decision"]["gap"]["low"] > 0


@pytest.mark.parametrize(
    ("query", "status"), [("", 400), ("?from=1&to=x", 400), ("?from=1&to=7", 404), (f"?from=1&to={10**30}", 404)]
)
def test_a_diff_of_what_is_not_there(reader: Any, table: RoutingTable, query: str, status: int):
    assert reader(f"diff{query}").status_code == status


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.parametrize(
    ("query", "missing"),
    [
        ("from=1&to=99", "no version 99"),
        ("from=8&to=9", "no version 8 and no version 9"),
        ("from=9&to=9", "no version 9"),
    ],
)
def test_a_diff_names_only_what_is_missing_and_the_newest(reader: Any, table: RoutingTable, query: str, missing: str):
    assert reader(f"diff?{query}").json()["detail"] == f"There is {missing}. The newest is 1."


def test_schema_and_keys_check_what_is_served(reader: Any, table: RoutingTable):
    got = reader("latest")
    Draft202012Validator(reader("schema").json()).validate(got.json())
    assert is_signed(got.content, got["Arena-Table-Signature"], reader("keys").json())


def test_select_decides_as_the_client_would(of: Any, table: RoutingTable):
    headers = of("routing:read")
    chosen = post("select", {"category": "code", "prompt": "Sort this list."}, headers).json()
    assert (chosen["model"], chosen["route_id"], chosen["table_version"]) == ("a", "code", 1)
    assert chosen["target"]["model_name"] == "a-1"
    local = post("select", {"category": "code", "local_only": True}, headers).json()
    assert (local["model"], local["fallbacks"]) == ("c", [])
    nobody = post("select", {"category": "code", "needs": ["tools"]}, headers)
    assert (nobody.status_code, nobody.json()["error"]) == (422, "NoEligibleModel")
    assert post("select", {}, headers).json()["errors"]["category"]
    assert post("select", {"category": "code"}, of("evals:read")).status_code == 403


def test_a_wish_that_is_spelt_wrong_is_refused_and_not_left_out(of: Any, table: RoutingTable):
    """`localonly` passed over would hand a private text to whoever is hosted."""
    got = post("select", {"category": "code", "localonly": True, "need": ["tools"], "colour": 1}, of("routing:read"))
    assert (got.status_code, got["Content-Type"]) == (400, "application/problem+json")
    told = got.json()["errors"]
    assert set(told) == {"localonly", "need", "colour"}
    assert told["localonly"] == ["Not known. Did you mean local_only?"]
    assert told["need"] == ["Not known. Did you mean needs?"]
    assert told["colour"][0].startswith("Not known. Known here: category, prompt, ")


def test_nobody_for_a_category_spelt_wrong_comes_with_a_guess(of: Any, table: RoutingTable):
    headers, nobody = of("routing:read"), {"needs": ["telepathy"]}
    got = post("select", {"category": "cod", **nobody}, headers)
    assert (got.status_code, got.json()["error"]) == (422, "NoEligibleModel")
    assert got.json()["detail"].endswith(" The table has no category “cod”. Did you mean code?")
    for category in ("code", "poetry"):
        assert "no category" not in post("select", {"category": category, **nobody}, headers).json()["detail"]


def test_what_is_unknown_and_what_is_missing_are_told_together(of: Any, table: RoutingTable):
    told = post("select", {"categroy": "code"}, of("routing:read")).json()["errors"]
    assert told == {"categroy": ["Not known. Did you mean category?"], "category": ["This field is required."]}


@pytest.mark.parametrize("body", [[], "code", None, {"\ud800": 1, "x" * 9999: 1}, {str(n): n for n in range(9999)}])
def test_a_body_of_any_shape_is_refused_in_few_words(of: Any, table: RoutingTable, body: Any):
    got = post("select", body, of("routing:read"))
    assert got.status_code == 400
    assert len(got.content) < 6000


@pytest.mark.parametrize("path", ["publish", "rollback", "freeze", "unfreeze", "pin", "unpin"])
def test_no_act_passes_over_a_field_it_does_not_know(table: RoutingTable, of: Any, path: str):
    own: dict[str, dict[str, Any]] = {
        "rollback": {"to": 1},
        "pin": {"category": "code", "contender": "b"},
        "unpin": {"category": "code"},
    }
    done = AuditEntry.objects.count()
    got = post(path, {"reason": "Go.", "dryrun": True, **own.get(path, {})}, of("routing:publish"))
    assert (got.status_code, list(got.json()["errors"])) == (400, ["dryrun"])
    assert RoutingTable.objects.count() == 1
    assert AuditEntry.objects.count() == done


def test_the_schema_says_that_bodies_take_no_other_fields():
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=out)
    known = json.loads(out.getvalue())["components"]["schemas"]
    for name in ("Ask", "Publish", "Rollback", "Freeze", "Reason", "Pin", "Unpin", "Policy"):
        assert known[f"{name}In"]["additionalProperties"] is False, name
    assert known["SelectionOut"].get("additionalProperties") is None


def test_publishing_needs_its_scope_and_a_reason(voted: Category, of: Any):
    assert post("publish", {"reason": "Go."}, of("routing:read")).status_code == 403
    assert post("publish", {"reason": "Go."}, {}).status_code == 401
    assert "reason" in post("publish", {}, of("routing:publish")).json()["errors"]
    assert RoutingTable.objects.count() == 0
    told = post("publish", {"reason": "Go."}, of("routing:publish")).json()
    assert (told["published"], told["version"], told["cause"]) == (True, 1, "first")
    (decision,) = told["decisions"]
    assert set(decision) == {"category", "outcome", "from", "to", "reason", "votes_to_go"}
    assert (RoutingTable.objects.get().actor, RoutingTable.objects.get().reason) == ("token service", "Go.")


def test_what_is_approved_of_is_told_in_its_form(voted: Category, of: Any):
    got = post("publish", {"reason": "Go.", "approve": ["code=b"]}, of("routing:publish"))
    (told,) = got.json()["errors"]["approve"]
    assert told.startswith('Write {"route": "contender"}, or null')
    assert (got.status_code, RoutingTable.objects.count()) == (400, 0)


def test_a_dry_run_by_api_publishes_nothing(voted: Category, of: Any):
    told = post("publish", {"reason": "Look.", "dry_run": True}, of("routing:publish")).json()
    assert (told["published"], told["cause"], RoutingTable.objects.count()) == (False, "first", 0)


def test_rolling_back_and_lifting_the_freeze(two_tables: list[RoutingTable], of: Any):
    headers = of("routing:publish")
    assert post("rollback", {"to": 1, "reason": "Too slow."}, of("routing:read")).status_code == 403
    assert post("rollback", {"to": 9, "reason": "Too slow."}, headers).status_code == 409
    told = post("rollback", {"to": 1, "reason": "Too slow."}, headers).json()
    assert (told["version"], told["cause"]) == (3, "rollback")
    assert Publication.objects.get().frozen_at is not None
    lifted = post("freeze", {"reason": "Fixed.", "frozen": False}, headers).json()
    assert (lifted["frozen"], Publication.objects.get().frozen_at) == (False, None)


def test_freezing_says_who_and_why(table: RoutingTable, of: Any):
    told = post("freeze", {"reason": "Launch week."}, of("routing:publish")).json()
    assert (told["frozen"], told["by"], told["reason"]) == (True, "token service", "Launch week.")
    assert post("freeze", {}, of("routing:publish")).status_code == 400
