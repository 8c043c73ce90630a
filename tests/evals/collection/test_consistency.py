"""Whether several samples of a task agree: on their checks, and in what they say."""

from __future__ import annotations

from itertools import count

import pytest
from django.core.cache import cache
from django.urls import reverse

from evals.collection.comparison.consistency import answer_digests, consistency, run_consistency
from evals.models import Generation
from tests.servers import DONE, chunk, says, usage
from tests.suites import collect_all

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.on_both(because="texts are stripped and digested in SQL, which the engines name differently"),
]


@pytest.fixture(autouse=True)
def nothing_kept():
    cache.clear()


def test_a_model_that_flips_every_third_answer(suite, client_of, viewer_user):
    calls = count(1)

    def flips(talk):
        words = "no" if next(calls) % 3 == 0 else "yes"
        says(chunk(words), chunk(finish="stop"), usage(3, 1), DONE)(talk)

    suite.provider("local", flips)
    for _ in range(8):
        suite.task(checks=[{"type": "contains", "value": "yes"}])
    run = suite.run(suite.contender("one"), samples=3)
    collect_all()
    # In the order they were asked for, one of three is flipped; by task it is one of each three samples.
    rows = Generation.objects.order_by("finished_at", "pk").values_list("task", "sample")
    assert len(rows) == 24

    found = run_consistency(run)["one"]

    texts = {}
    for task, said in Generation.objects.values_list("task", "text"):
        texts.setdefault(task, []).append(said)
    shares = [sum(a == b for i, a in enumerate(said) for b in said[:i]) / 3 for said in texts.values()]
    assert found.answers.share == pytest.approx(sum(shares) / 8)
    assert found.checks == found.answers
    assert found.answers.share == pytest.approx(1 / 3, abs=0.2)
    assert (found.answers.tasks, found.answers.samples) == (8, 24)
    low, high = found.answers.ci95
    assert low < found.answers.share < high
    assert consistency("code") == {"one": found}

    client = client_of(viewer_user)
    page = client.get(reverse("evals:run", args=[run.pk])).content.decode()
    assert "Consistency" in page
    body = client.get(reverse("api:run-consistency", args=[run.pk])).json()
    assert body[0]["answers"]["share"] == pytest.approx(found.answers.share)


def test_a_run_of_one_sample_has_none(suite, client_of, viewer_user):
    suite.tasks(2)
    run = suite.run()
    collect_all()
    assert run_consistency(run) == consistency("code") == {}
    assert "Consistency" not in client_of(viewer_user).get(reverse("evals:run", args=[run.pk])).content.decode()


def test_only_the_newest_take_and_what_is_done_counts(suite):
    task, one = suite.task(), suite.contender()

    def answer(sample, said, take=1, **columns):
        state = Generation.State.FAILED if "error" in columns else Generation.State.DONE
        Generation.objects.create(
            task=task, contender=one, sample=sample, take=take, text=said, **{"state": state, **columns}
        )

    answer(1, "a")
    answer(2, "a")
    assert consistency("code")["one"].answers.share == 1
    answer(2, "b", take=2)
    answer(3, "", error="timeout_total")
    answer(4, "", take=2, state=Generation.State.WAITING)
    found = consistency("code")["one"]
    assert (found.answers.share, found.answers.samples) == (0, 2)
    # The task has no checks.
    assert found.checks.share is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"text": "yes"}, {"text": "\n\t yes \r\n"}, True),
        ({"text": "yes"}, {"text": "Yes"}, False),
        ({"text": '{"a": 1, "b": [2]}'}, {"text": '{"b":[2],\n "a":1}'}, True),
        ({"text": '{"a": 1}'}, {"text": '{"a": 1.0}'}, False),
        ({"text": '{"a": 1, "a": 2}'}, {"text": '{"a": 2}'}, False),
        ({"text": "{not json"}, {"text": "{not  json"}, False),
        (
            {"tool_calls": [{"id": "x", "name": "f", "arguments": '{"a": 1}'}]},
            {"tool_calls": [{"id": "y", "name": "f", "arguments": '{"a":1}'}]},
            True,
        ),
        (
            {"tool_calls": [{"id": "x", "name": "f", "arguments": '{"a": 1}'}]},
            {"tool_calls": [{"id": "x", "name": "f", "arguments": '{"a": 2}'}]},
            False,
        ),
        (
            {"text": "b", "turns": [{"text": "a"}, {"text": "b"}]},
            {"text": "b", "turns": [{"text": "c"}, {"text": "b"}]},
            False,
        ),
        ({"images": ["1" * 64]}, {"images": ["2" * 64]}, False),
    ],
)
def test_what_is_the_same_answer(suite, one, other, same):
    task, contender = suite.task(), suite.contender()
    made = [
        Generation.objects.create(task=task, contender=contender, sample=n, state=Generation.State.DONE, **columns)
        for n, columns in enumerate((one, other), 1)
    ]
    digests = answer_digests(generation.pk for generation in made)
    assert (digests[made[0].pk] == digests[made[1].pk]) is same
