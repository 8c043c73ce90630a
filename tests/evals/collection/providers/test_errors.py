"""When a failed call is made again."""

from __future__ import annotations

from datetime import UTC, datetime

from evals.collection.providers import (
    LastingError,
    Lost,
    ProviderError,
    TransientError,
    allowed_attempts,
    back_off,
    errors,
)
from evals.models.generations import ErrorCategory as Category

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def leaves(kind):
    return {kind} if not kind.__subclasses__() else {leaf for one in kind.__subclasses__() for leaf in leaves(one)}


def test_every_category_has_one_error_and_what_is_transient_is_retried():
    categories = [leaf.category for leaf in leaves(ProviderError)]

    assert sorted(categories) == sorted(set(Category) - {Category.IMPORTED})
    for leaf in leaves(ProviderError):
        assert issubclass(leaf, TransientError) == (allowed_attempts(leaf.category) > 1)
        assert issubclass(leaf, LastingError) == (back_off(leaf.category, attempts_made=1) is None)
        assert leaf.__name__ in errors.__all__


def test_an_empty_answer_is_asked_for_once_more():
    for category in (Category.EMPTY, Category.INTERNAL):
        assert back_off(category, attempts_made=1) is not None
        assert back_off(category, attempts_made=2) is None


def test_waits_double_and_are_spread():
    longest = [back_off(Category.TIMEOUT_TOTAL, attempts_made=n, jitter=1) for n in (1, 2, 3)]
    shortest = [back_off(Category.TIMEOUT_TOTAL, attempts_made=n, jitter=0) for n in (1, 2, 3)]

    assert (shortest, longest) == ([1, 2, 4], [2, 4, 8])
    assert back_off(Category.TIMEOUT_TOTAL, attempts_made=4) is None
    assert len({back_off(Category.TIMEOUT_TOTAL, attempts_made=1) for _ in range(20)}) > 1


def test_never_sooner_than_the_provider_asked_and_never_forever():
    assert back_off(Category.RATE_LIMITED, attempts_made=1, retry_after_s=40) == 40
    assert back_off(Category.RATE_LIMITED, attempts_made=1, retry_after_s=1e9) == 6 * 3600


def test_lost_work_is_taken_up_at_once():
    assert back_off(Lost.category, attempts_made=1) == 0
