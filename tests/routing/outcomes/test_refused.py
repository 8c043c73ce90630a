"""`POST routing/outcomes`: what is refused, by which words, and at what cost."""

from __future__ import annotations

import difflib
import json
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.models import OutcomeTally, ReportedOutcome
from routing.outcomes.batch import BatchError, Outcome, Window, read
from tests.routing.outcomes.batches import an_outcome, at, bearer, body, post

pytestmark = pytest.mark.django_db

WINDOW = Window(at(2026, 10, 1), at(2026, 11, 1))
FIELDS = [field.name for field in msgspec.structs.fields(Outcome)]


@pytest.fixture
def shop(db: None) -> dict[str, str]:
    return bearer("outcomes:write")


def faults(of: bytes) -> dict[str, str]:
    with pytest.raises(BatchError) as caught:
        read(of, window=WINDOW)
    return {fault.field: fault.message for fault in caught.value.faults}


def test_one_bad_outcome_refuses_the_whole_batch_by_every_place(shop: dict[str, str]):
    answer = post([an_outcome(), an_outcome(latency_ms=-1, tokens=1.5), an_outcome(ok="yes"), {}], shop)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    told = answer.json()
    fields = [error["field"] for error in told["errors"]]
    lacking = ("id", "table_version", "route_id", "model", "ok", "at")
    assert fields == [
        "outcomes[1].latency_ms",
        "outcomes[1].tokens",
        "outcomes[2].ok",
        *(f"outcomes[3].{name}" for name in lacking),
    ]
    assert told["detail"].startswith("outcomes[1].latency_ms: -1 is not a number from 0 to 1,000,000,000")
    assert "Nothing of this batch was stored: 9 places are wrong." in told["detail"]
    assert not ReportedOutcome.objects.exists()
    assert not OutcomeTally.objects.exists()


WRONG: list[tuple[str, Any, str]] = [
    ("id", "42", "UUID"),
    ("id", 42, "UUID"),
    ("table_version", 0, "from 1"),
    ("table_version", 2**31, "2,147,483,647"),
    ("table_version", True, "whole number"),
    ("route_id", "", "1 to 200 characters"),
    ("route_id", "x" * 201, "1 to 200 characters"),
    ("route_id", "a\0b", "NUL"),
    ("category", "x" * 201, "200 characters"),
    ("category", None, "200 characters"),
    ("model", None, "1 to 200 characters"),
    ("ok", 1, "true or false"),
    ("error", "x" * 201, "200 characters"),
    ("latency_ms", -0.001, "from 0"),
    ("latency_ms", 1e10, "1,000,000,000"),
    ("ttft_ms", "300", "number"),
    ("tokens", 1.5, "whole number"),
    ("tokens", -1, "whole number"),
    ("tokens", 10**30, "whole number"),
    ("cost_usd", {"usd": 1}, "An object is not a number"),
    ("at", "2026-10-05T09:12:00", "zone"),
    ("at", 1791191520, "zone"),
    ("at", "yesterday", "zone"),
    ("at", "2026-09-30T23:59:59Z", "too long ago"),
    ("at", "0001-01-01T00:00:00+14:00", "too long ago"),
    ("at", "9999-12-31T23:59:59-14:00", "ahead of Arena's clock"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG)
def test_each_field_says_what_it_must_be(name: str, value: Any, words: str):
    good = an_outcome(at="2026-10-05T09:12:00+02:00")
    told = faults(body(good, good | {name: value}))
    assert list(told) == [f"outcomes[1].{name}"]
    assert words in told[f"outcomes[1].{name}"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_finite_number_is_refused(number: str):
    good = body(an_outcome(at="2026-10-05T09:12:00Z", cost_usd=0.125))
    assert len(read(good, window=WINDOW)) == 1
    told = faults(good.replace(b"0.125", number.encode()))
    assert list(told) in ([""], ["outcomes[0].cost_usd"])


def test_a_misspelt_field_is_named_with_the_one_that_was_meant():
    told = faults(body(an_outcome(at="2026-10-05T09:12:00Z", latency=3)))
    assert told == {"outcomes[0].latency": "Not known. Did you mean latency_ms?"}


def test_an_error_beside_success_is_refused():
    assert list(faults(body(an_outcome(at="2026-10-05T09:12:00Z", error="Timeout")))) == ["outcomes[0].error"]


NO_BATCH = [
    (b"", ""),
    (b"{", ""),
    (b"\xff\xfe", ""),
    (b"[]", ""),
    (b"{}", "outcomes"),
    (b'{"outcomes": 3}', "outcomes"),
    (b'{"outcomes": [3]}', "outcomes[0]"),
    (b'{"outcomes": [], "more": 1}', "more"),
    (b'{"outcomes": [{"id": ' + b"[" * 100_000, ""),
    (b'{"outcomes": [{"tokens": ' + b"9" * 100_000 + b"}]}", ""),
]


@pytest.mark.parametrize(("sent", "place"), NO_BATCH)
def test_what_is_no_batch_is_told_at_its_place(sent: bytes, place: str, shop: dict[str, str]):
    assert place in faults(sent)
    assert post(sent, shop).status_code == 400


def test_the_errors_of_a_body_full_of_them_are_counted(shop: dict[str, str]):
    told = post(body(*[{}] * 100), shop).json()
    assert len(told["errors"]) == 100
    assert "600 places are wrong; errors has the first 100." in told["detail"]


def calls(of: ModuleType, act: Callable[[], Any]) -> Counter[str]:
    """How often each function of a module ran: work, counted where a clock would depend on the machine."""
    seen: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename == of.__file__:
            seen[frame.f_code.co_name] += 1

    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
    return seen


def test_only_what_is_told_is_guessed_at(shop: dict[str, str]):
    """Guesses cost most of all: a body of unknown fields took seconds, and was refused in the end."""
    unknown = {f"latency{n}": 0 for n in range(300)}
    sent = body(*[an_outcome() | unknown] * 3)
    told = post(sent, shop).json()
    assert told["errors"][99] == {"field": "outcomes[0].latency99", "message": "Not known. Did you mean latency_ms?"}
    assert "900 places are wrong; errors has the first 100." in told["detail"]
    assert calls(difflib, lambda: post(sent, shop))["get_close_matches"] == 100


@pytest.mark.parametrize("place", ["outcomes[0].", ""])
def test_a_name_as_long_as_a_body_is_neither_guessed_at_nor_sent_back(place: str, shop: dict[str, str]):
    name = "latency_ms" * 50_000
    sent = body(an_outcome() | {name: 0}) if place else json.dumps({name: 0, "outcomes": []}).encode()
    answer = post(sent, shop)
    assert [error["field"] for error in answer.json()["errors"]] == [f"{place}{name[:60]}…"]
    assert len(answer.content) < 1_000
    assert not calls(difflib, lambda: post(sent, shop))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
changed = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), anything, max_size=3)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=changed)
def test_whatever_is_sent_is_stored_or_refused_by_its_place(changes: dict[str, Any], shop: dict[str, str]):
    answer = post([an_outcome(), an_outcome() | changes], shop)
    if answer.status_code == 200:
        assert sum(answer.json().values()) == 2
    else:
        assert answer.status_code == 400
        # JSON knows no NaN; Python writes one all the same.
        assert all(error["field"].startswith("outcomes[1]") or not error["field"] for error in answer.json()["errors"])
