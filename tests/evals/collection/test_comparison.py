"""Two runs side by side: what is compared, what is left out and said, what is sure, and the answers that changed."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from evals.collection.comparison.changes import Wanted, changed_answers, changed_pairs
from evals.collection.comparison.comparison import compare_runs, compared_answers
from evals.models import (
    Attempt,
    Category,
    Contender,
    Generation,
    Provider,
    Run,
    RunItem,
    Task,
    TaskSet,
    TaskSetItem,
    TaskSetVersion,
)
from tests.servers import DONE, chunk, says, usage
from tests.suites import collect_all

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.on_both(because="JSON, texts and their digests are compared in SQL"),
]


@pytest.fixture(autouse=True)
def nothing_kept():
    cache.clear()


class World:
    """Forty tasks in two categories, asked in two runs."""

    def __init__(self, tasks=40):
        self.provider = Provider.objects.create(slug="quarry", name="Quarry", base_url="https://quarry.example/v1")
        self.categories = [Category.objects.create(slug=slug, name=slug.title()) for slug in ("code", "mail")]
        self.version = TaskSetVersion.objects.create(
            task_set=TaskSet.objects.create(slug="nightly", name="Nightly"), n=1, sha256="0" * 64
        )
        self.tasks = Task.objects.bulk_create(
            Task(
                category=self.categories[n % 2],
                digest=f"{n}",
                messages=[{"role": "user", "content": f"Question {n}?"}],
                checks=[{"type": "contains", "value": "yes"}],
            )
            for n in range(tasks)
        )
        TaskSetItem.objects.bulk_create(
            TaskSetItem(version=self.version, task=task, external_id=f"t{n}", position=n)
            for n, task in enumerate(self.tasks)
        )
        self.takes = {}

    def contender(self, slug="basalt", family=None, revision=1):
        return Contender.objects.create(
            slug=slug, family=family or slug, revision=revision, provider=self.provider, model_name=slug
        )

    def run(self, *contenders, samples=1, **answer):
        """`answer(n, sample)` gives an answer's columns, or None for no answer; or one for each contender's slug."""
        run = Run.objects.create(version=self.version, samples=samples, state=Run.State.DONE)
        run.contenders.set(contenders)
        for contender in contenders:
            of = answer.get(contender.slug) or answer["answer"]
            take = self.takes[contender.slug] = self.takes.get(contender.slug, 0) + 1
            made = [
                Generation(
                    task=task,
                    contender=contender,
                    sample=sample,
                    take=take,
                    **{"state": Generation.State.DONE, "finished_at": run.created_at, **columns},
                )
                for n, task in enumerate(self.tasks)
                for sample in range(1, samples + 1)
                if (columns := of(n, sample)) is not None
            ]
            RunItem.objects.bulk_create(
                RunItem(run=run, generation=one) for one in Generation.objects.bulk_create(made)
            )
        return run


@pytest.fixture
def world():
    return World()


def passes(ok, text="yes", **columns):
    return {"text": text, "checks": [{"type": "contains", "ok": ok, "detail": "" if ok else "no yes in it"}], **columns}


def timed(n, run=0, factor=1.0):
    """A latency: long for some tasks, a little different each time, and the same in every session."""
    return factor * (800 + 400 * (n % 5)) * math.exp(random.Random(f"{run}:{n}").gauss(0, 0.1))


def cells(comparison):
    return {(contest.match.words, cell.category): cell for contest in comparison.contests for cell in contest.cells}


def measured(cell):
    return {one.measure.key: one for one in cell.measures}


def test_a_planted_regression_is_found_and_nothing_else(world):
    one = world.contender()
    before = world.run(
        one, answer=lambda n, _: passes(True, latency_ms=timed(n), ttft_ms=timed(n, 2), tokens_out=timed(n, 3) // 10)
    )
    after = world.run(
        one,
        # In code every third answer fails now; in mail all takes half as long again.
        answer=lambda n, _: passes(
            not (n % 2 == 0 and n % 3 == 0),
            latency_ms=timed(n, 4, 1.0 if n % 2 == 0 else 1.5),
            ttft_ms=timed(n, 5),
            tokens_out=timed(n, 6) // 10,
        ),
    )

    comparison = compare_runs(before, after)

    by = {(one.cell.category, one.compared.measure.key): one.compared for one in comparison.found}
    assert by.keys() >= {("mail", "latency_ms"), ("", "latency_ms")}
    assert by.keys() <= {("mail", "latency_ms"), ("", "latency_ms"), ("code", "success"), ("", "success")}
    assert all(one.verdict == "worse" for one in by.values())
    slower = by["mail", "latency_ms"]
    assert slower.paired.change.value == pytest.approx(1.5, abs=0.12)
    assert slower.quantiles[1].p50 > 1.2 * slower.quantiles[0].p50
    success = measured(cells(comparison)["basalt", "code"])["success"]
    assert success.paired.change.value == pytest.approx(-7 / 20)
    low, high = success.paired.change.ci95
    assert -0.6 < low < -7 / 20 < high < -0.1


def test_where_nothing_changed_nothing_is_found(world):
    one, two = world.contender(), world.contender("granite")
    runs = [
        world.run(one, two, answer=lambda n, _, r=r: passes((n + r) % 5 > 0, latency_ms=timed(n, r), tokens_out=60))
        for r in range(2)
    ]
    comparison = compare_runs(*runs)
    assert comparison.found == ()
    # Two contenders, two categories and both together: success, time and tokens each. The rest was not measured.
    assert comparison.tests == 2 * 3 * 3
    assert measured(cells(comparison)["basalt", ""])["ttft_ms"].verdict == "unknown"


def test_what_is_in_one_run_alone_is_counted_and_told(world, client_of, viewer_user):
    one = world.contender()
    before = world.run(one, answer=lambda n, _: passes(True) if n >= 4 else None)
    failed = {"state": Generation.State.FAILED, "error": "timeout_total"}
    waiting = {"state": Generation.State.WAITING, "finished_at": None}
    after = world.run(
        one, answer=lambda n, _: failed if n == 10 else waiting if n in (11, 12) else passes(True) if n < 35 else None
    )

    cell = cells(compare_runs(before, after))["basalt", ""]

    assert cell.tasks == 40 - 4 - 2 - 5
    assert (cell.before.only, cell.before.failed, cell.before.open) == (7, 0, 0)
    assert (cell.after.only, cell.after.failed, cell.after.open) == (4, 1, 2)
    assert measured(cell)["success"].paired.after.value == pytest.approx(28 / 29)
    page = text(client_of(viewer_user).get(address(before, after)))
    assert f"Run {before.pk}: 7 tasks answered in this run alone" in page
    assert (
        f"Run {after.pk}: 4 tasks answered in this run alone, 1 answer failed for good and counts as no success, "
        in page
    )
    assert "2 answers not collected yet" in page


def test_an_answer_that_both_runs_link_says_nothing_of_a_change(world):
    one = world.contender()
    before = world.run(one, answer=lambda n, _: passes(True) if n < 30 else None)
    after = world.run(one, answer=lambda n, _: passes(False) if n >= 20 else None)
    linked = Generation.objects.filter(run_items__run=before, task__in=world.tasks[:20])
    RunItem.objects.bulk_create(RunItem(run=after, generation=one, linked=True) for one in linked)

    cell = cells(compare_runs(before, after))["basalt", ""]

    assert (cell.shared, cell.tasks) == (20, 10)
    assert measured(cell)["success"].paired.change.value == -1


def test_an_unknown_price_makes_the_cost_unknown(world):
    one, two = world.contender(), world.contender("granite")
    prices = [Decimal("0.001"), Decimal("0.0012")]
    before, after = (
        world.run(
            one,
            two,
            basalt=lambda n, _, r=r: passes(True, cost_usd=None if (n, r) == (3, 1) else prices[r]),
            granite=lambda n, _, r=r: passes(True, cost_usd=prices[r] * (1 + n % 3)),
        )
        for r in range(2)
    )
    found = cells(compare_runs(before, after))
    # Task 3 is mail; code's costs are all known.
    assert measured(found["basalt", ""])["cost_usd"].paired.change is None
    assert measured(found["basalt", "mail"])["cost_usd"].why == "no price known for 1 of the answers"
    assert measured(found["basalt", "code"])["cost_usd"].paired.change.value == pytest.approx(1.2)
    assert measured(found["granite", ""])["cost_usd"].verdict == "worse"


def test_revisions_are_matched_by_family(world):
    old, new, other = world.contender(), world.contender("basalt@2", "basalt", 2), world.contender("granite")
    before = world.run(old, answer=lambda n, _: passes(True))
    after = world.run(new, other, answer=lambda n, _: passes(n % 2 == 0))

    comparison = compare_runs(before, after)

    assert comparison.matching.by == "family"
    assert [contest.match.words for contest in comparison.contests] == ["basalt to basalt@2"]
    assert comparison.matching.only_after == ("granite",)
    assert measured(cells(comparison)["basalt to basalt@2", "mail"])["success"].verdict == "worse"
    by_slug = compare_runs(before, after, by="slug")
    assert (by_slug.contests, by_slug.matching.only_before) == ((), ("basalt",))


def test_changed_answers_are_chosen_by_how_they_changed(world):
    one = world.contender()
    before = world.run(one, answer=lambda n, _: passes(n != 1, text="yes\n" if n < 38 else '{"a": 1, "b": 2}'))

    def later(n, _):
        if n in (0, 1, 2):
            return passes(n == 1, text="yes, but no")
        if n == 3:
            return passes(True, text="yes and more")
        return passes(True, text=" yes" if n < 38 else '{"b":2,"a":1}' if n == 38 else '{"a": 1, "b": 3}')

    after = world.run(one, answer=later)
    found = compared_answers(before, after)

    def numbers(only, **wanted):
        page = changed_answers(*found, Wanted(only, **wanted), limit=50)
        assert page.next is None
        return sorted(int(row.external_id[1:]) for row in page.rows)

    assert numbers("wrong") == [0, 2]
    assert numbers("right") == [1]
    assert numbers("text") == [3, 39]
    assert numbers("") == [0, 1, 2, 3, 39]
    assert numbers("", category="mail") == [1, 3, 39]
    assert numbers("", contender="granite") == []

    # Page by page, the newest first, none twice.
    rows, place = [], None
    while True:
        page = changed_answers(*found, Wanted(), limit=2, before=place)
        rows += page.rows
        place = page.next
        if place is None:
            break
    assert [row.external_id for row in rows] == ["t39", "t3", "t2", "t1", "t0"]
    assert [row.turned for row in rows] == ["", "", "wrong", "right", "wrong"]
    assert rows[4].after.failed_checks == (("contains", "no yes in it"),)
    assert '<mark class="differs">' in rows[4].difference.right


def address(before, after, name="evals:run-compare", **query):
    return reverse(name, query={"before": before.pk, "after": after.pk, **query})


def text(response):
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_pages_say_what_is_sure_and_keep_answers_from_those_who_vote(
    world, client_of, viewer_user, reviewer_user, editor_user
):
    one = world.contender("=basalt")
    before = world.run(one, answer=lambda n, _: passes(True, latency_ms=timed(n)))
    hostile = "yes <script>alert(1)</script>"
    after = world.run(one, answer=lambda n, _: passes(n % 2 == 0, text=hostile, latency_ms=timed(n)))
    viewer, editor = client_of(viewer_user), client_of(editor_user)

    page = text(viewer.get(address(before, after)))
    assert "2 of 6 differences are sure, 2 for the worse." in page
    assert "100% to 50.0%: −50.0 points" in page
    for who in (viewer, client_of(reviewer_user)):
        assert "Answers that changed" not in text(who.get(address(before, after, only="wrong")))
    page = text(editor.get(address(before, after, only="wrong", category="mail")))
    assert "20 answers turned wrong" in page
    assert "<script>alert" not in page
    assert page.count('class="compared"') == 10
    assert "older=" in page
    # What is sure was decided for all, whatever part is shown.
    assert "2 of 6 differences are sure" in page

    told = viewer.get(address(before, after, "evals:run-compare-csv"))
    rows = list(csv.DictReader(io.StringIO(told.content.decode())))
    assert len(rows) == 3 * 5
    assert rows[0]["before"] == "'=basalt"
    success = next(row for row in rows if (row["category"], row["measure"]) == ("mail", "success"))
    assert (float(success["change"]), success["verdict"], success["tasks"]) == (-1.0, "worse", "20")

    assert 'name="before"' in text(viewer.get(reverse("evals:run-compare")))
    assert "Choose two different runs" in text(viewer.get(address(after, after)))
    assert viewer.get(reverse("evals:run-compare", query={"before": 10**6, "after": after.pk})).status_code == 404
    assert address(after, after).split("&")[1] in text(viewer.get(reverse("evals:run", args=[after.pk])))


def test_nothing_is_told_of_the_categories_in_which_a_reviewer_votes(world, client_of, reviewer_user, viewer_user):
    one = world.contender("basalt")
    before = world.run(one, answer=lambda n, _: passes(True, latency_ms=timed(n)), samples=2)
    after = world.run(one, answer=lambda n, _: passes(n % 2 == 0, latency_ms=timed(n)), samples=2)
    reviewer, viewer = client_of(reviewer_user), client_of(viewer_user)
    run_address, consistency = reverse("evals:run", args=[after.pk]), reverse("api:run-consistency", args=[after.pk])
    compared, csv_address = address(before, after), address(before, after, "evals:run-compare-csv")
    api = address(before, after, "api:run-compare")

    def figures(who):
        rows = csv.DictReader(io.StringIO(who.get(csv_address).content.decode()))
        told = who.get(api).json()
        cells = [cell["category"] for one in told["contenders"] for cell in one["categories"]]
        assert sorted({row["category"] for row in rows}) == sorted(cells)
        return sorted(cells), told["closed"]

    assert figures(viewer) == (["", "code", "mail"], [])
    assert figures(reviewer) == ([], ["Code", "Mail"])
    page = text(reviewer.get(compared))
    assert "You vote in Code and Mail" in page
    assert "Tokens out" not in page
    assert "Same answers" not in page
    assert "Same answers" in text(viewer.get(compared))
    assert "agree" in text(viewer.get(run_address))
    assert "agree" not in text(reviewer.get(run_address))
    assert reviewer.get(consistency).status_code == 403

    # Of a category that nobody votes in any more, everything is told; figures over all hold the other's.
    Category.objects.filter(slug="mail").update(retired_at=timezone.now())
    assert figures(reviewer) == (["mail"], ["Code"])
    assert "Success of" in text(reviewer.get(compared))


def test_the_api_and_the_command_say_the_same(world, client_of, editor_user, viewer_user, capsys):
    one = world.contender()
    before = world.run(one, answer=lambda n, _: passes(True, latency_ms=timed(n)))
    after = world.run(one, answer=lambda n, _: passes(n % 2 == 0, text="no", latency_ms=timed(n)))
    client = client_of(editor_user)

    body = client.get(address(before, after, "api:run-compare", category="mail")).json()
    [[success, *_rest]] = [cell["measures"] for cell in body["contenders"][0]["categories"]]
    assert (success["change"]["value"], success["verdict"], success["change_is"]) == (-1, "worse", "difference")
    call_command("compare", before.pk, after.pk, "--json", "--category", "mail")
    assert json.loads(capsys.readouterr().out)["contenders"] == body["contenders"]
    call_command("compare", before.pk, after.pk)
    assert "2 of 6 differences are sure, 2 for the worse." in capsys.readouterr().out
    with pytest.raises(CommandError, match=r"There is no run 99\. The newest: "):
        call_command("compare", before.pk, 99)

    answers = client.get(address(before, after, "api:run-compare-answers", only="wrong", limit=3)).json()
    assert (answers["turned_wrong"], len(answers["results"])) == (20, 3)
    assert answers["results"][0]["after"]["failed_checks"] == ["contains: no yes in it"]
    following = client.get(
        address(before, after, "api:run-compare-answers", only="wrong", older=answers["next"])
    ).json()
    assert len(following["results"]) == 10
    assert client.get(address(before, before, "api:run-compare")).status_code == 400
    assert client_of(viewer_user).get(address(before, after, "api:run-compare-answers")).status_code == 403


def test_queries_do_not_grow_and_no_text_is_read_for_the_figures(world):
    contenders = [world.contender(f"c{n}") for n in range(3)]

    def asked(*ones):
        runs = [world.run(*ones, answer=lambda n, _: passes(True, latency_ms=timed(n))) for _ in range(2)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            compare_runs(*runs)
        return [query["sql"] for query in queries]

    few, many = asked(contenders[0]), asked(*contenders)
    assert len(few) == len(many) <= 9
    assert not any(column in sql for sql in many for column in ('."text"', '."thinking"', '."messages"'))


def test_a_model_under_other_settings_is_compared_through_collection(suite):
    """Two revisions of a family, collected from a server that answers one of them wrongly and at greater length."""

    def answers(talk):
        hot = talk.body.get("temperature") == 1.5
        words = "no, or perhaps, who knows" if hot else "yes"
        says(chunk(words), chunk(finish="stop"), usage(12, 30 if hot else 5), DONE)(talk)

    suite.provider("local", answers)
    for _ in range(12):
        suite.task(checks=[{"type": "contains", "value": "yes"}])
    cold = suite.contender("one", settings={"temperature": 0})
    before = suite.run(cold)
    collect_all()
    hot = Contender.objects.create(
        slug="one@2",
        family="one",
        revision=2,
        provider=cold.provider,
        model_name="one-model",
        settings={"temperature": 1.5},
    )
    after = suite.run(hot)
    collect_all()

    comparison, found = compared_answers(
        *(Run.objects.select_related("version__task_set").get(pk=one.pk) for one in (before, after))
    )

    verdicts = {one.compared.measure.key: one.compared.verdict for one in comparison.found}
    assert verdicts["success"] == "worse"
    assert verdicts["tokens_out"] == "more"
    assert comparison.before.in_flight == 1
    assert len(changed_pairs(comparison, found, Wanted("wrong"))) == 12
    assert Attempt.objects.count() == 24
