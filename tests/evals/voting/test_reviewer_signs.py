"""A sign, a word and its figures for each finding: good, bad, or not enough evidence."""

import pytest

from evals.ratings.agreement import Agreement
from evals.ratings.health import Finding
from evals.voting.queries.reviewers import Health
from evals.voting.reviewer_signs import signs

pytestmark = pytest.mark.on_both(because="aggregates")

NOBODY = Health(Agreement("unknown", 0), Finding("unknown", 0), Finding("unknown", 0), {})


def told(*, counts=True, **findings):
    """By label: (tick, words, facts)."""
    health = Health(**(vars(NOBODY) | findings))
    return {sign.label: (sign.tick, sign.words, sign.facts) for sign in signs(health, counts=counts)}


def test_without_evidence_nothing_is_claimed():
    assert told() == {
        "agreement": ("unknown", "no shared battles", ""),
        "gold": ("unknown", "no gold battles", ""),
        "side": ("unknown", "sides not known", ""),
        "speed": ("unknown", "times not known", ""),
        "leaders": ("unknown", "no other votes", ""),
    }
    assert told(counts=False)["leaders"] == ("unknown", "not counted", "")


@pytest.mark.parametrize(
    ("state", "ci95", "tick", "words"),
    [
        ("good", (0.5, 0.7), "ok", "more than chance"),
        ("bad", (0.3, 0.5), "fail", "hardly more than chance"),
        ("bad", (0.1, 0.3), "fail", "less than chance"),
        ("unknown", (0.3, 0.7), "unknown", "not enough evidence"),
    ],
)
def test_agreement_is_told_beside_others_and_chance(state, ci95, tick, words):
    found = Agreement(state, 120, 0.6, ci95, 0.35, others=0.55)
    facts = "60.0% on 120 battles, others 55.0%, chance 35.0%"
    assert told(agreement=found)["agreement"] == (tick, words, facts)


def test_without_others_among_themselves_there_is_nothing_to_tell_of_them():
    found = Agreement("unknown", 1, 1.0, (0.2, 1.0), 0.5)
    assert told(agreement=found)["agreement"][2] == "100% on 1 battle, chance 50.0%"


@pytest.mark.parametrize(
    ("state", "share", "tick", "words"),
    [
        ("good", 0.51, "ok", "no preference"),
        ("bad", 0.65, "fail", "prefers the left"),
        ("bad", 0.35, "fail", "prefers the right"),
        ("unknown", 0.6, "unknown", "not enough evidence"),
    ],
)
def test_a_preferred_side_is_named(state, share, tick, words):
    found = Finding(state, 200, share, (share - 0.1, share + 0.1))
    assert told(side=found)["side"][:2] == (tick, words)
    assert told(side=found)["side"][2] == f"left won {share:.1%} of 200"


def test_haste_is_counted():
    found = Finding("bad", 200, 0.4, (0.3, 0.5))
    assert told(speed=found)["speed"] == ("fail", "too fast to have read", "40.0% of 200 too fast")


def test_who_would_lead_is_named_and_more_are_counted():
    assert told(leaders={"Code": None, "SQL": None})["leaders"] == ("ok", "hold without them", "")
    one = told(leaders={"Code": "granite", "SQL": None})
    assert one["leaders"] == ("fail", "depend on them", "Code: granite would lead")
    many = told(leaders={"A": "x", "B": "y", "C": "z", "D": "x"})
    assert many["leaders"][2] == "A: x would lead; B: y would lead; 2 more"
