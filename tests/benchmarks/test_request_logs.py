"""The figures of the made-up log, small: shares, near-duplicates, and what is left of planted secrets."""

from benchmarks.request_logs import SHARES, left_over, make_log, measure, rows_with
from evals.transfer.sampling.drawing import By

LOG = make_log(500, seed=3, secrets=60, beyond=12)


def test_a_sample_has_the_shares_it_was_asked_for_and_no_two_alike():
    even, share = (measure(LOG, 50, seed=1, by=by) for by in (By.EVEN, By.SHARE))
    for figures in (even, share):
        assert len(figures.drawn.rows) == 50
        assert figures.alike == 0
        assert figures.left_in_sample == []
    for _, some in even.drawn.categories.values():
        assert abs(some / 50 - 1 / len(SHARES)) <= 0.1
    for counts in (share.drawn.categories, share.drawn.lengths):
        for every, some in counts.values():
            assert abs(some / 50 - every / 500) <= 0.1


def test_no_planted_secret_is_left_and_what_rules_cannot_find_is():
    assert left_over(rows_with(LOG, LOG.secrets), LOG.secrets) == []
    assert len(left_over(rows_with(LOG, LOG.beyond), LOG.beyond)) == 12
