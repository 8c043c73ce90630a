"""Which of a table's prepared answers a request gets, whatever its headers say."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest

from routing.publishing.serving import FOREVER, Answer, Served, problem, respond

BODY = b'{"schema": "routing-table/v1"}' * 100
SHA256 = hashlib.sha256(BODY).hexdigest()
TAG = f'"sha256:{SHA256}"'
TABLE = Served.of(version=7, body=BODY, sha256=SHA256, signature="ed25519:k:s", public=True)
# What a server of ours still reads as one header.
LONG = 400_000


def ask(*, head: bool = False, tags: str | None = None, accept: str | None = None, table: Served = TABLE) -> Answer:
    return respond(table, head=head, if_none_match=tags, accept_encoding=accept)


def header(answer: Answer, name: str) -> str | None:
    found = [value for one, value in answer.headers if one == name]
    assert len(found) <= 1, f"{name} twice"
    return found[0] if found else None


def test_the_stored_bytes_come_with_everything_a_client_checks():
    got = ask()
    assert (got.status, got.line, got.body) == (200, "200 OK", BODY)
    assert dict(got.headers) == {
        "ETag": TAG,
        "Cache-Control": "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400",
        "Vary": "Accept-Encoding, Authorization",
        "Arena-Table-Version": "7",
        "Arena-Table-Signature": "ed25519:k:s",
        "Content-Type": "application/json",
        "X-Content-Type-Options": "nosniff",
        "Content-Length": str(len(BODY)),
    }


def test_where_tokens_are_required_the_answer_is_private():
    table = Served.of(version=7, body=BODY, sha256=SHA256, signature="s", public=False)
    for form in (table.plain, table.gzip):
        for answer in (form.whole, form.head, form.unchanged):
            assert header(answer, "Cache-Control").startswith("private, max-age=15")


def test_a_numbered_version_may_be_cached_forever():
    table = Served.of(version=7, body=BODY, sha256=SHA256, signature="s", public=True, cache=FOREVER)
    assert header(ask(table=table), "Cache-Control") == "public, max-age=31536000, immutable"


def test_gzip_is_the_same_table_under_the_weak_tag():
    got = ask(accept="gzip")
    assert gzip.decompress(got.body) == BODY
    assert header(got, "ETag") == f"W/{TAG}"
    assert header(got, "Content-Encoding") == "gzip"
    assert header(got, "Content-Length") == str(len(got.body))
    assert len(got.body) < len(BODY) / 5
    again = Served.of(version=7, body=BODY, sha256=SHA256, signature="s", public=True)
    assert again.gzip.whole.body == got.body, "two workers serve two forms of one table"


@pytest.mark.parametrize("accept", [None, "gzip"])
def test_head_has_the_headers_without_the_body(accept: str | None):
    get, head = ask(accept=accept), ask(head=True, accept=accept)
    assert (head.status, head.headers, head.body) == (200, get.headers, b"")


@pytest.mark.parametrize(
    "accept",
    [
        "gzip",
        "GZIP",
        "x-gzip",
        "*",
        "br, gzip;q=0.8",
        "br;q=1.0, gzip ; q=0.001",
        "identity;q=0.5, gzip",
        "gzip, *;q=0",
        "deflate, gzip, br, zstd",
        "gzip;foo=bar",
    ],
)
def test_who_takes_gzip_gets_it(accept: str):
    assert header(ask(accept=accept), "Content-Encoding") == "gzip"


@pytest.mark.parametrize(
    "accept",
    [
        "",
        " ",
        ",,,",
        "identity",
        "br",
        "notgzip",
        "gzip;q=0",
        "gzip; q=0.000",
        "GZIP;Q=0",
        "gzip;q=0, *",
        "*;q=0",
        "identity, gzip;q=0.5",
        "gzip;q=rubbish",
        "gzip;q=",
        "gzip;q=-1",
        "gzip;q=nan",
        "gzip;q=inf",
        "gzip;q=1e400",
        pytest.param("gzip," * (LONG // 5), id="long"),
    ],
)
def test_who_takes_no_gzip_or_makes_no_sense_gets_the_plain_bytes(accept: str):
    got = ask(accept=accept)
    assert (got.status, got.body) == (200, BODY)
    assert header(got, "Content-Encoding") is None


@pytest.mark.parametrize(
    "tags",
    [
        TAG,
        f"W/{TAG}",
        f'"old", {TAG}',
        f'W/"old" , W/{TAG}',
        f'{TAG},"newer"',
        f'"a, b",{TAG}',
        "*",
        " * ",
        pytest.param('"x", ' * (LONG // 5) + TAG, id="long"),
    ],
)
@pytest.mark.parametrize("head", [False, True])
def test_a_known_tag_earns_the_304(tags: str, head: bool):
    got = ask(tags=tags, head=head)
    assert (got.status, got.line, got.body) == (304, "304 Not Modified", b"")
    kept = {"ETag", "Cache-Control", "Vary", "Arena-Table-Version", "Arena-Table-Signature"}
    assert {name for name, _ in got.headers} == kept
    assert set(got.headers) < set(ask().headers)


def test_a_304_repeats_the_tag_of_the_encoding_it_stands_for():
    assert header(ask(tags=TAG), "ETag") == TAG
    assert header(ask(tags=f"W/{TAG}", accept="gzip"), "ETag") == f"W/{TAG}"


@pytest.mark.parametrize(
    "tags",
    [
        "",
        '"sha256:old"',
        SHA256,
        f"sha256:{SHA256}",
        f'"sha256:{SHA256}x"',
        f'"{SHA256}"',
        f'"sha256:{SHA256.upper()}"',
        '"*"',
        '"old", "*"',
        "\x00\xff",
        pytest.param('"' * LONG, id="long"),
    ],
)
def test_another_tag_does_not(tags: str):
    assert ask(tags=tags).status == 200


def test_a_problem_says_what_it_is_and_is_never_kept():
    got = problem(404, "Nothing here.", headers=(("Retry-After", "2"),))
    assert json.loads(got.body) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Nothing here.",
    }
    assert (got.line, header(got, "Retry-After")) == ("404 Not Found", "2")
    assert header(got, "Content-Type") == "application/problem+json"
    assert header(got, "Content-Length") == str(len(got.body))
    assert header(got, "Cache-Control") == "no-store"
    head = problem(404, "Nothing here.", headers=(("Retry-After", "2"),), head=True)
    assert (head.headers, head.body) == (got.headers, b"")
