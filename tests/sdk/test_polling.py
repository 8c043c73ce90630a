"""A router fetches the newest table, asks with its ETag, and survives every kind of answer."""

from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from arena_routing import ConfigurationError, NoTable, Router
from arena_routing._http import back_off, jittered
from tests.processes import wait_until
from tests.sdk.arena_double import (
    Arena,
    Handler,
    Signer,
    breaks_off,
    drips_its_body,
    drips_its_headers,
    fails,
    half_a_body,
    hangs,
    says_html,
)

MakeRouter = Callable[..., Router]


def poll_until(router: Router, *, version: int) -> None:
    """With a short timeout, on a busy machine, one poll may not be enough."""

    def confirmed() -> bool:
        router.refresh()
        return router.status().table_version == version and not router.status().problem

    wait_until(confirmed, f"version {version} is confirmed")


def test_the_table_is_there_once_the_router_is_made(arena: Arena, make_router: MakeRouter):
    arena.publish(3)
    router = make_router(token=" secret\n")
    assert router.route("code").table_version == 3
    assert router.route("code").model == "big"
    assert arena.asked[0]["authorization"] == "Bearer secret"
    assert arena.asked[0]["user-agent"].startswith("arena-routing/")
    assert "if-none-match" not in arena.asked[0]


def test_without_a_table_the_error_has_arenas_words(arena: Arena, make_router: MakeRouter):
    router = make_router()
    with pytest.raises(NoTable, match=r"404\. Nothing is published yet"):
        router.route("code")
    arena.publish(1)
    assert router.refresh()
    assert router.route("code").table_version == 1


@pytest.mark.parametrize("gzips", [False, True], ids=["strong", "weak"])
def test_a_known_table_is_not_sent_again(arena: Arena, make_router: MakeRouter, gzips: bool):
    arena.gzips = gzips
    arena.publish(1)
    router = make_router()
    assert not router.refresh()
    assert arena.answered == [200, 304]
    assert arena.asked[1]["if-none-match"] == (f"W/{arena.etag}" if gzips else arena.etag)
    arena.publish(2)
    assert router.refresh()
    assert arena.answered == [200, 304, 200]
    assert router.status().table_version == 2


def test_an_unasked_304_is_refused(arena: Arena, make_router: MakeRouter):
    arena.behave = lambda handler: handler.answer(304, b"")
    router = make_router()
    assert "304" in router.status().problem


def test_a_proxy_that_ignores_the_etag_does_no_harm(arena: Arena, make_router: MakeRouter):
    arena.publish(1)
    router = make_router()
    body, signature = arena.body, arena.signature or ""
    arena.behave = lambda handler: handler.answer(200, body or b"", {"Arena-Table-Signature": signature})
    assert not router.refresh()
    assert router.status().problem == ""


def test_newer_tables_are_used_automatically(arena: Arena, make_router: MakeRouter):
    arena.publish(1)
    router = make_router(poll_seconds=0.02)
    arena.publish(2)
    wait_until(lambda: router.route("code").table_version == 2, "version 2 is in force")
    arena.kill()
    wait_until(lambda: router.status().problem, "the router has noticed")
    arena.publish(3)
    arena.revive()
    wait_until(lambda: router.route("code").table_version == 3, "version 3 is in force")
    assert router.status().problem == ""


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (fails, "500. Something broke."),
        (says_html, "has no Arena-Table-Signature"),
        (half_a_body, "RemoteProtocolError"),
        (drips_its_body, "No complete answer within"),
        (drips_its_headers, "No complete answer within"),
        (hangs, "within|ReadTimeout"),
        (breaks_off, "Error"),
    ],
)
@pytest.mark.parametrize("from_the_start", [True, False])
def test_no_misbehaviour_reaches_the_caller(
    arena: Arena, make_router: MakeRouter, behaviour: Callable[[Handler], None], told: str, from_the_start: bool
):
    arena.publish(1)
    if from_the_start:
        arena.behave = behaviour
        router = make_router(timeout=0.3)
        with pytest.raises(NoTable):
            router.route("code")
    else:
        router = make_router(timeout=0.3)
        poll_until(router, version=1)
        arena.behave = behaviour
    assert not router.refresh()
    status = router.status()
    assert status.table_version == (None if from_the_start else 1)
    assert any(one in status.problem for one in told.split("|")), status.problem
    arena.behave = None
    poll_until(router, version=1)
    assert router.route("code").table_version == 1


def test_redirects_are_not_followed(arena: Arena, make_router: MakeRouter):
    elsewhere = Arena()
    elsewhere.signer = arena.signer
    elsewhere.publish(9)
    try:
        arena.behave = lambda handler: handler.answer(302, b"", {"Location": f"{elsewhere.url}/api/v1/routing/latest"})
        router = make_router()
        assert "redirect" in router.status().problem
        assert elsewhere.asked == []
    finally:
        elsewhere.kill()


def test_an_endless_body_is_cut_off(arena: Arena, make_router: MakeRouter):
    def floods(handler: Handler) -> None:
        handler.raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (17 << 20))

    arena.behave = floods
    router = make_router(timeout=30.0)
    assert "longer than 16,777,216 bytes" in router.status().problem


def test_a_small_answer_that_unpacks_to_a_large_one_is_cut_off(arena: Arena, make_router: MakeRouter):
    arena.gzips = True
    arena.serve(b" " * (17 << 20))
    router = make_router(timeout=30.0)
    assert "longer than 16,777,216 bytes" in router.status().problem


@pytest.mark.parametrize(
    ("coding", "body", "told"),
    [
        ("br", b"{}", "'br'"),
        ("gzip", b"no gzip", "broken"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-9], "early"),
    ],
)
def test_broken_and_unknown_encodings_are_refused(
    arena: Arena, make_router: MakeRouter, coding: str, body: bytes, told: str
):
    arena.behave = lambda handler: handler.answer(200, body, {"Content-Encoding": coding})
    assert told in make_router().status().problem


def test_a_refused_token_is_reported_with_advice(arena: Arena, make_router: MakeRouter):
    arena.behave = lambda handler: handler.answer(401, b"")
    assert "--scope routing:read" in make_router().status().problem


def test_a_problem_and_its_end_are_logged_once(arena: Arena, make_router: MakeRouter, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "arena_routing")
    arena.publish(1)
    router = make_router()
    arena.behave = fails
    for _ in range(5):
        router.refresh()
    arena.behave = None
    router.refresh()
    told = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "arena_routing"]
    assert [level for level, _ in told] == ["INFO", "WARNING", "INFO"]
    assert "Routing table 1 is now in use. It came from Arena." in told[0][1]
    assert "Something broke. Version 1 stays in use." in told[1][1]
    assert told[2][1] == "Arena is answering again."


def test_an_unreachable_server_is_logged_in_whole_sentences(
    arena: Arena, make_router: MakeRouter, caplog: pytest.LogCaptureFixture
):
    arena.kill()
    make_router().refresh()
    [told] = [record.getMessage() for record in caplog.records if record.name == "arena_routing"]
    assert "ConnectError: " in told
    assert told.endswith(". There is no earlier table to use.")


def test_polls_back_off_while_they_fail_to_at_most_a_minute():
    assert [back_off(n, interval=15) for n in range(5)] == [15, 30, 60, 60, 60]
    assert back_off(1_000_000, interval=15) == 60
    assert back_off(3, interval=600) == 600
    waits = [jittered(10) for _ in range(1000)]
    assert 8 <= min(waits) < max(waits) <= 12
    assert len(set(waits)) > 900


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"url": "arena.example"}, "url"),
        ({"poll_seconds": 0}, "poll_seconds"),
        ({"timeout": -1}, "timeout"),
        ({"outcome_capacity": 0}, "outcome_capacity"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], named: str):
    given = {"url": "http://arena.test", "public_keys": Signer().jwk_set()} | settings
    with pytest.raises(ConfigurationError, match=named):
        Router(**given)


def test_keys_may_be_passed_as_json(arena: Arena, make_router: MakeRouter):
    arena.publish(1)
    text = '{"keys": [' + str(arena.signer.jwk()).replace("'", '"') + "]}"
    for keys in (text, text.encode()):
        assert make_router(public_keys=keys).status().table_version == 1


def test_signatures_are_unchecked_only_on_request(
    arena: Arena, make_router: MakeRouter, caplog: pytest.LogCaptureFixture
):
    arena.publish(1)
    arena.signature = ""
    assert make_router().status().table_version is None
    assert make_router(public_keys=None, verify_signatures=False).status().table_version == 1
    assert "are not checked" in caplog.text


def test_a_closed_router_keeps_routing(arena: Arena, make_router: MakeRouter):
    arena.publish(1)
    with make_router() as router:
        pass
    arena.publish(2)
    assert not router.refresh()
    assert router.route("code").table_version == 1
    router.close()


def test_the_status_has_the_times(arena: Arena, make_router: MakeRouter):
    now = time.time()
    arena.publish(1)
    router = make_router(clock=lambda: now)
    assert router.status().checked_at == now
    assert router.status().expires_at == 32472144000.0
