"""Tokens kept in memory: asked about once, looked at again, never in the way of those already known."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from arena.accounts.token_cache import CannotAskError, KnownTokens, RefusedError
from arena.models import ApiToken

SCOPE = "routing:read"


@pytest.fixture
def tokens(db: None) -> KnownTokens:
    return KnownTokens(SCOPE)


def new_token(*scopes: str, **fields: Any) -> tuple[ApiToken, str]:
    token, key = ApiToken.objects.create_key(name="service", scopes=list(scopes or (SCOPE,)), **fields)
    return token, f"Bearer {key}"


def refusal(tokens: KnownTokens, authorization: str) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        tokens.check(authorization)
    return caught.value


def test_a_token_is_asked_about_once(tokens: KnownTokens, django_assert_num_queries: Any):
    _, header = new_token()
    with django_assert_num_queries(1):
        tokens.check(header)
        tokens.check(header)


def test_its_text_is_not_kept(tokens: KnownTokens):
    _, header = new_token()
    tokens.check(header)
    refusal(tokens, "Bearer abcdefgh.stranger")
    kept = repr(vars(tokens))
    assert header.removeprefix("Bearer ") not in kept
    assert "stranger" not in kept


def test_an_unknown_one_is_not_asked_about_at_each_request(tokens: KnownTokens, django_assert_num_queries: Any):
    with django_assert_num_queries(1):
        for _ in range(3):
            assert refusal(tokens, "Bearer abcdefgh.unknown").status == 401


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dTpw",
        "Bearer nodot",
        "Bearer .rest",
        "Bearer prefix.",
        "Bearer a\x00b.c",
        "Bearer \xff\xfe.c",
        "Bearer \udc80.c",
        pytest.param("Bearer " + "a" * 400_000, id="long"),
    ],
)
def test_what_cannot_be_a_token_costs_no_query(tokens: KnownTokens, authorization: str, django_assert_num_queries: Any):
    with django_assert_num_queries(0):
        assert refusal(tokens, authorization).status == 401


def test_the_scheme_has_no_case(tokens: KnownTokens):
    _, header = new_token()
    tokens.check(header.replace("Bearer", "bearer"))


def test_one_without_the_scope_is_403(tokens: KnownTokens):
    _, header = new_token("evals:read")
    refused = refusal(tokens, header)
    assert refused.status == 403
    assert SCOPE in refused.detail


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_look_takes_over_what_was_revoked_and_what_was_granted(tokens: KnownTokens, django_assert_num_queries: Any):
    with django_assert_num_queries(0):
        tokens.look_again()
    revoked, header = new_token()
    raised, other = new_token("evals:read")
    tokens.check(header)
    refusal(tokens, other)
    revoked.revoked = True
    revoked.save()
    raised.scopes = [SCOPE]
    raised.save()
    with django_assert_num_queries(1):
        tokens.look_again()
    assert refusal(tokens, header).status == 401
    tokens.check(other)


def test_one_that_expires_is_refused_at_that_moment(tokens: KnownTokens, time_machine: Any):
    _, header = new_token(expiry_date=timezone.now() + timedelta(hours=1))
    tokens.check(header)
    time_machine.move_to(timezone.now() + timedelta(hours=1, seconds=1))
    assert refusal(tokens, header).status == 401


class Few(KnownTokens):
    KNOWN_AT_MOST = 3


def test_memory_is_bounded(db: None):
    tokens = Few(SCOPE)
    for n in range(5):
        tokens.check(new_token()[1])
        refusal(tokens, f"Bearer abcdefgh.{n}")
        assert len(tokens._grants) <= 3
        assert len(tokens._unknown) <= 3


def test_while_the_database_is_away_a_stranger_is_not_asked_about(tokens: KnownTokens, django_assert_num_queries: Any):
    away = KnownTokens(SCOPE, may_ask=lambda: False)
    with django_assert_num_queries(0), pytest.raises(CannotAskError):
        away.check("Bearer abcdefgh.unseen")
    assert refusal(tokens, "Bearer abcdefgh.unseen").status == 401


@pytest.mark.django_db(transaction=True)
def test_strangers_do_not_hold_every_thread_while_the_database_hangs():
    tokens = KnownTokens(SCOPE)
    _, header = new_token()
    tokens.check(header)
    hangs, ends = threading.Semaphore(0), threading.Event()

    def hang(execute: Any, *arguments: Any) -> Any:
        hangs.release()
        ends.wait()
        return execute(*arguments)

    def stranger(n: int) -> None:
        with connection.execute_wrapper(hang), pytest.raises(RefusedError):
            tokens.check(f"Bearer abcdefgh.stranger{n}")
        connection.close()

    threads = [threading.Thread(target=stranger, args=(n,)) for n in range(KnownTokens.ASKING_AT_ONCE)]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            assert hangs.acquire(timeout=30)
        with pytest.raises(CannotAskError):
            tokens.check("Bearer abcdefgh.one-more")
        tokens.check(header)
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert refusal(tokens, "Bearer abcdefgh.one-more").status == 401
