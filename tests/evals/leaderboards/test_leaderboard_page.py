"""A leaderboard's page: no rating without its interval, what is routed is marked, what is unknown is not 0."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from arena.models import Role
from evals.leaderboards.queries import latest
from evals.leaderboards.ranking import rank_category
from evals.leaderboards.trust import contest
from evals.models import Attempt, Contender, Generation, Provider, ReviewerVotes, Task
from evals.voting.ledger import raise_revision
from evals.voting.reviewers import imported_reviewers
from tests.evals.voting.casting import cast, category, contenders

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"),
]

RANKED = ("basalt", "granite", "marble")


def votes(pairs, reviewers=("ana", "ben", "cleo"), rounds=8):
    """Each reviewer judges each pair so often; the first of a pair wins three times of four."""
    outcomes = ("lo", "lo", "lo", "hi")
    return [
        (reviewer, f"task-{n}", first, second, outcomes[n % 4])
        for reviewer in reviewers
        for first, second in pairs
        for n in range(rounds)
    ]


@pytest.fixture
def code():
    return category("code")


@pytest.fixture
def ranked(code):
    """Three contenders, each better than the next."""
    contenders(*RANKED)
    cast(code, votes([("basalt", "granite"), ("granite", "marble"), ("basalt", "marble")]))
    return rank_category(category_id=code.pk)


@pytest.fixture
def viewer(client_of, viewer_user):
    return client_of(viewer_user)


def page(client, **query):
    return client.get(reverse("evals:leaderboard", args=["code"], query=query or None))


def text(response):
    return " ".join(response.content.decode().split())


def rows(html):
    """Slug to its table row, in order."""
    table = html[html.index("<table") : html.index("</table>")]
    body = table[table.index("<tbody") :]
    found = re.findall(r"<tr.*?</tr>", body)
    return {re.search(r'<span class="mono">([^<]+)</span>', row)[1]: row for row in found}


# who may


@pytest.mark.parametrize("role", list(Role))
def test_everybody_signed_in_reads_leaderboards(client_of, make_user, ranked, role):
    client = client_of(make_user(role, "somebody"))
    assert page(client).status_code == 200
    assert client.get(reverse("evals:leaderboard-list")).status_code == 200


def test_a_stranger_is_asked_to_sign_in(ranked):
    response = page(Client())
    assert response.status_code == 302
    assert reverse("accounts:sign-in") in response["Location"]


def test_only_who_may_vote_is_invited_to(viewer, client_of, reviewer_user, ranked):
    address = reverse("evals:category-vote", args=["code"])
    assert address not in text(page(viewer))
    assert address in text(page(client_of(reviewer_user)))


def test_a_category_that_is_not_there_is_not_found(viewer):
    assert page(viewer).status_code == 404


# what it says


def test_the_facts_stand_under_the_name(viewer, ranked):
    html = text(page(viewer))
    assert "72 votes by 3 reviewers on 8 tasks." in html
    assert "3 of 3 contenders connected." in html


def test_best_first_and_never_a_rating_without_its_interval(viewer, ranked):
    found = rows(text(page(viewer)))
    assert tuple(found) == RANKED
    for row in found.values():
        assert re.search(r'<b>\d+</b> <span class="unit">±\d+</span>', row)
        assert re.search(r'aria-label="\d+, 95% interval \d+ to \d+', row)


def test_every_figure_leads_to_the_battles_behind_it(viewer, client_of, reviewer_user, ranked):
    html = text(page(viewer))
    browser = reverse("evals:battle-browser")
    assert f'<a href="{browser}?category=code&amp;a=basalt"' in rows(html)["basalt"]
    pair = re.search(rf'<a href="({browser}[^"]*)" aria-label="basalt against marble: 75% of 24 votes"', html)
    found = viewer.get(pair[1].replace("&amp;", "&"))
    assert not found.context["errors"]
    assert {tuple(sorted((one.a, one.b))) for one in found.context["found"].rows} == {("basalt", "marble")}
    # Who votes here and reads the board without their own votes may not browse its battles.
    type(ranked.category).objects.filter(pk=ranked.category.pk).update(boards_open=True)
    assert f"{browser}?category=code" not in text(page(client_of(reviewer_user)))


def test_ranks_are_intervals_and_chances_never_certain(viewer, ranked):
    html = text(page(viewer))
    first = rows(html)["basalt"]
    assert re.search(r'<td role="cell" class="n lead">1(–\d)?</td>', first)
    assert "100%</td>" not in re.search(r'data-l="best">([^<]+</td>)', first)[1]


def test_the_two_audiences_differ_where_tastes_do(viewer, code):
    contenders("basalt", "granite")
    one_way = [("ana", f"task-{n}", "basalt", "granite", "lo") for n in range(20)]
    other_way = [("ben", f"task-{n}", "basalt", "granite", "hi" if n % 5 else "lo") for n in range(20)]
    cast(code, one_way + other_way)
    rank_category(category_id=code.pk)
    width = {
        audience: int(re.search(r"±(\d+)", rows(text(page(viewer, **{"for": audience})))["basalt"])[1])
        for audience in ("panel", "people")
    }
    assert width["people"] > width["panel"]
    assert 'class="people"' in text(page(viewer))


def test_an_audience_nobody_knows_is_the_panel(viewer, ranked):
    assert '<a href="?for=panel" aria-current="true">' in text(page(viewer, **{"for": "everyone"}))


def test_contenders_never_compared_are_said_to_be(viewer, code):
    contenders("basalt", "granite", "marble", "slate")
    cast(code, votes([("basalt", "granite"), ("marble", "slate")]))
    rank_category(category_id=code.pk)
    html = text(page(viewer))
    assert "fall into 2 groups that were never compared" in html
    assert "2 of 4 contenders connected." in html
    assert "<small>group 2</small>" in html
    assert "basalt and slate never met" in html


def test_a_few_votes_apart_from_the_rest_stand_below_it(viewer, code):
    contenders("basalt", "granite", "marble", "slate", "tuff")
    cast(code, votes([("basalt", "granite"), ("granite", "marble"), ("basalt", "marble")]))
    cast(code, [("ana", f"apart-{n}", "slate", "tuff", "lo") for n in range(6)])
    rank_category(category_id=code.pk)
    board = latest("code")
    assert str(board.ratings[0].contender) == "slate"
    assert list(rows(text(page(viewer)))) == ["basalt", "granite", "marble", "slate", "tuff"]


def test_whom_the_category_speaks_for_changes_neither_answer(code, ranked):
    """A panel is asked for no wider quantile, people like them are, whichever of the two the category means."""

    def said():
        board = latest("code")
        return {check.label.split(",")[0]: check.value for check in contest(board).checks}

    as_panel = said()
    code.speaks_for = "people"
    code.save(update_fields=["speaks_for"])
    raise_revision(code)
    rank_category(category_id=code.pk)
    assert latest("code").speaks_for == "people"
    assert said() == as_panel
    assert len(as_panel) == 2


def test_one_reviewer_speaks_for_nobody_else(viewer, code):
    contenders("basalt", "granite")
    cast(code, votes([("basalt", "granite")], reviewers=("ana",)))
    rank_category(category_id=code.pk)
    assert "nothing can be said of other people yet" in text(page(viewer))


def test_votes_that_came_since_are_told(viewer, code, ranked):
    cast(code, [("ana", "task-1", "basalt", "granite", "lo")])
    assert "1 newer vote will be in the next" in text(page(viewer))


def test_what_was_never_measured_is_no_zero(viewer, ranked):
    for row in rows(text(page(viewer))).values():
        assert 'data-l="success"><span class="faint">–</span>' in row
        assert 'data-l="p95"><span class="faint">–</span>' in row
        assert 'data-l="cost"><span class="faint">no price</span>' in row
    assert "No costs yet" in text(page(viewer))


def test_quality_is_drawn_against_cost_once_two_costs_are_known(viewer, code, ranked):
    task = Task.objects.filter(category=code)[0]
    for slug, cost in (("basalt", "0.0100"), ("granite", "0.0010"), ("marble", None)):
        generation = Generation.objects.create(
            task=task, contender=Contender.objects.get(slug=slug), state="done", text="x", latency_ms=4200,
            finished_at=timezone.now(), attempts_made=1,
        )  # fmt: skip
        Attempt.objects.create(
            generation=generation, n=1, started_at=timezone.now(), latency_ms=4200, cost_usd=cost and Decimal(cost)
        )
    html = text(page(viewer))
    assert 'class="plot"' in html
    assert '<span class="mono">marble</span> is left out: no price is known.' in html
    found = rows(html)
    assert 'data-l="p95">4.2 s<' in found["basalt"]
    assert 'data-l="cost">$0.010<' in found["basalt"]
    assert 'data-l="cost">$0.001<' in found["granite"]


def test_both_bad_has_its_interval(viewer, code, ranked):
    cast(code, [("ana", "task-9", "basalt", "granite", "both_bad")])
    rank_category(category_id=code.pk)
    assert re.search(
        r'data-l="both bad">2\.0% <span class="unit">0\.4–10\.7</span>', rows(text(page(viewer)))["basalt"]
    )


def test_the_page_says_what_the_first_still_needs(viewer, ranked):
    html = text(page(viewer))
    assert '<span class="mono">basalt</span> leads <span class="mono">granite</span> by' in html
    assert "For these 3 reviewers, for whom the category speaks" in html
    assert "For people like them" in html


def test_the_page_says_whether_reviewers_agree(viewer, ranked):
    """Each pair was voted on by all three, and they said the same on each task."""
    html = text(page(viewer))
    assert "Reviewers agree far more than chance" in html
    assert "100% of verdicts alike on 24 shared battles" in html
    assert "No single person decides who leads" in html


def test_votes_without_a_judge_are_said_to_be(viewer, code, ranked):
    assert "names no judge" not in text(page(viewer))
    nobody = imported_reviewers(source="import 4feb0a82b602fc9c", names=["votes.csv"])["votes.csv"]
    ReviewerVotes.objects.create(category=code, reviewer=nobody, votes=3)
    assert "3 votes came in a file that names no judge, so they count as one reviewer's." in text(page(viewer))


def test_whose_figures_are_written_is_said(viewer, ranked):
    assert "± and ranks are these reviewers'." in text(page(viewer)).replace("&#x27;", "'")
    assert "± and ranks are those of people like them." in text(page(viewer, **{"for": "people"}))


def test_who_beats_whom_mirrors(viewer, ranked):
    html = text(page(viewer))
    assert "basalt against granite: 75% of 24 votes" in html
    assert "granite against basalt: 25% of 24 votes" in html


def test_a_retired_contender_is_apart(viewer, code, ranked):
    Contender.objects.filter(slug="marble").update(retired_at=timezone.now())
    raise_revision(code)
    rank_category(category_id=code.pk)
    html = text(page(viewer))
    assert "marble" not in rows(html)
    assert 'id="retired"' in html
    assert "2 of 2 contenders connected." in html


def test_the_decision_comes_first(viewer, ranked):
    html = text(page(viewer))
    assert html.index('class="call"') < html.index('id="ratings"')
    assert "No route is decided here yet." in html


# before there is anything


def test_nothing_to_compare_says_what_is_missing_in_numbers(viewer, code):
    Task.objects.create(category=code, digest="a")
    html = text(page(viewer))
    assert "Nothing to compare in “Code” yet" in html
    assert "1 task waits for answers" in html


def test_answers_without_votes_ask_for_votes(client_of, editor_user, code):
    provider = Provider.objects.create(slug="quarry", name="Quarry", base_url="https://quarry.example/v1")
    task = Task.objects.create(category=code, digest="a")
    for slug in ("basalt", "granite"):
        contender = Contender.objects.create(slug=slug, family=slug, provider=provider, model_name=slug)
        Generation.objects.create(task=task, contender=contender, state="done", text=slug)
    html = text(page(client_of(editor_user)))
    assert "No votes in “Code” yet" in html
    assert "Vote first" in html


def test_votes_before_the_first_ranking_are_on_their_way(viewer, code):
    contenders("basalt", "granite")
    cast(code, votes([("basalt", "granite")]))
    assert "The first ranking is on its way" in text(page(viewer))


def test_the_list_has_one_line_for_each_category(viewer, code, ranked):
    category("prose")
    html = text(viewer.get(reverse("evals:leaderboard-list")))
    assert '<span class="mono">basalt</span>' in html
    assert "No answers to compare yet." in html


def test_an_empty_list_says_where_categories_come_from(viewer):
    assert "No categories yet" in text(viewer.get(reverse("evals:leaderboard-list")))


def test_no_leaderboard_page_carries_an_inline_style_or_script(viewer, ranked):
    html = text(page(viewer))
    assert " style=" not in html
    assert "<style" not in html


def test_wrong_answers_and_the_pace_stand_below_the_ratings(ranked, code, viewer):
    basalt = Contender.objects.get(slug="basalt")
    for n in range(10):
        task = Task.objects.create(category=code, digest=f"question-{n}")
        checks = [{"type": "reference", "ok": n > 0, "detail": ""}]
        Generation.objects.create(
            task=task, contender=basalt, state="done", text="x", checks=checks, refused=n == 9, ttft_ms=310,
            gap_ms_p50=12, gap_ms_p95=88, latency_ms=2000, tokens_out=90, finished_at=timezone.now(),
        )  # fmt: skip
    html = re.sub(r"\s+", " ", page(viewer).content.decode())
    measured = html[html.index('id="measured"') : html.index("What these columns mean")]
    cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", measured)]
    assert cells == ["11.1% 2.0–43.5 of 9", "10.0%", "0%", "310 ms", "45", "88 ms"]
