"""The quarantine as editors see it, with and without JavaScript, and as programs do."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils.html import escape

from arena.models import ApiToken, Role
from evals.collection.quarantine.cases import confirm, detected, release
from evals.models import Generation, QuarantineCase
from evals.voting.casting import report
from evals.voting.drawing import draw
from evals.voting.reviewers import reviewer_of
from tests.evals.voting.conftest import World

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="pages and bodies are the same on both"),
]

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def world(db):
    return World().fill(contenders=2, tasks=3)


@pytest.fixture
def editor(make_user, client_of):
    return client_of(make_user(Role.EDITOR, "erik"))


@pytest.fixture
def cases(world, make_user):
    """One that the detector found, with a hostile answer, and one that was reported."""
    answer = world.answer(world.tasks[0], world.contenders[0], "**I am** ChatGPT <script>alert(1)</script>", sample=2)
    Generation.objects.filter(pk=answer.pk).update(quarantine="introduces itself: “I am ChatGPT”")
    detected({answer.pk: "introduces itself: “I am ChatGPT”"})
    reporter = reviewer_of(make_user(Role.REVIEWER, "mara"))
    report(ballot=draw(category=world.category, reviewer=reporter), side="left", detail="signs as <b>X</b>")
    return list(QuarantineCase.objects.order_by("pk"))


def read(client, path, **more):
    answer = client.get(path, **more)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_tells_what_is_out_and_why_and_lets_nothing_hostile_through(editor, cases):
    page = read(editor, "/quarantine/")
    assert "2 wait for a decision" in page
    assert "Found by Arena: introduces itself: “I am ChatGPT”" in page
    assert "Reported by mara: “signs as &lt;b&gt;X&lt;/b&gt;”" in page
    assert "<strong>I am</strong> ChatGPT &lt;script&gt;" in page
    assert page.index(f"case-{cases[1].pk}") < page.index(f"case-{cases[0].pk}")
    assert page.count('data-key="r"') == page.count('data-key="c"') == 1
    assert "Votes cast on it" in page


def test_a_case_is_released_in_place_and_the_next_one_gets_the_keys(editor, cases):
    path = f"/quarantine/{cases[1].pk}/release/"
    answer = editor.post(path, {"reason": "it is a bridge", "list": "1"}, **HTMX)
    page = answer.content.decode()
    assert "<html" not in page
    assert "Released: reviewers are shown the answer again." in page
    assert "1 waits for a decision" in page
    assert f"case-{cases[1].pk}" not in page
    assert 'data-key="r"' in page
    again = editor.post(path, {"reason": "once more", "list": "1"}, **HTMX).content.decode()
    assert "erik has released this already: it is a bridge" in again


def test_without_javascript_a_decision_leads_back_to_the_list_as_it_was(editor, cases):
    answer = editor.post(f"/quarantine/{cases[0].pk}/confirm/?category=code", {"reason": "it does", "list": "1"})
    assert (answer.status_code, answer["Location"]) == (303, "/quarantine/?category=code")
    assert "Confirmed: the answer stays out." in read(editor, answer["Location"])
    answer = editor.post(f"/quarantine/{cases[1].pk}/confirm/", {"reason": ""})
    assert (answer.status_code, answer["Location"]) == (303, f"/quarantine/{cases[1].pk}/")
    assert "Give a reason" in read(editor, answer["Location"])


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_case_has_the_whole_answer_and_all_that_happened(editor, cases):
    confirm(case=cases[0], reason="it does", who="anna")
    release(case=cases[0], reason="a joke", who="token ci")
    page = read(editor, f"/quarantine/{cases[0].pk}/")
    assert "<strong>I am</strong> ChatGPT" in page
    told = [page.index(words) for words in ("Arena: “introduces", "anna: “it does”", "token ci: “a joke”")]
    assert told == sorted(told)
    assert "Reviewers\n        may be shown this answer." in page
    assert "Take out after all…" in page
    assert f"/quarantine/{cases[1].pk}/" in page  # the next open one
    assert editor.get("/quarantine/999999/").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {0, 1}),
        ("source=detector", {0}),
        ("source=reviewer", {1}),
        ("category=code", {0, 1}),
        ("category=nope", set()),
        ("contender=nope", set()),
        ("state=released", set()),
        ("state=all", {0, 1}),
        ("state=nonsense", {0, 1}),
        ("before=1", set()),
    ],
)
def test_the_list_is_filtered(editor, cases, query, found):
    page = read(editor, f"/quarantine/?{query}")
    assert {n for n, case in enumerate(cases) if f'id="case-{case.pk}"' in page} == found


def test_a_page_costs_the_same_few_queries_however_many_cases_there_are(
    editor, world, cases, django_assert_max_num_queries
):
    for n in range(30):
        answer = world.answer(world.tasks[n % 3], world.contenders[n % 2], f"I am ChatGPT {n}", sample=n + 3)
        detected({answer.pk: "introduces itself"})
    with django_assert_max_num_queries(10):
        page = read(editor, "/quarantine/")
    assert page.count('class="case"') == 25
    older = page.split("before=", 1)[1].split('"', 1)[0]
    assert read(editor, f"/quarantine/?before={older}").count('class="case"') == 7


def test_only_editors_are_led_there(client_of, editor, make_user, cases):
    assert 'href="/quarantine/"' in read(editor, "/")
    assert "2 answers in quarantine" in read(editor, "/")
    reviewer = client_of(make_user(Role.REVIEWER, "rita"))
    assert "/quarantine/" not in read(reviewer, "/")
    assert reviewer.get("/quarantine/").status_code == 403


@pytest.fixture
def program(db):
    def make(*scopes):
        _, key = ApiToken.objects.create_key(name="ci", scopes=list(scopes))
        return Client(headers={"Authorization": f"Bearer {key}"})

    return make


def test_a_program_lists_and_decides_under_the_tokens_name(cases, program):
    both = program("evals:read", "evals:write")
    listed = both.get("/api/v1/quarantine?state=open&category=code").json()["results"]
    assert {one["id"] for one in listed} == {case.pk for case in cases}
    told = both.post(
        f"/api/v1/quarantine/{cases[1].pk}/release", {"reason": "fine"}, content_type="application/json"
    ).json()
    assert (told["state"], told["decided_by"], told["decision"]) == ("released", "token ci", "fine")
    reporter = f"R-{cases[1].reporter_id:02d}"
    assert [(act["kind"], act["who"]) for act in told["acts"]] == [("opened", reporter), ("released", "token ci")]
    assert "mara" not in str(told)
    refused = both.post(
        f"/api/v1/quarantine/{cases[1].pk}/release", {"reason": "fine"}, content_type="application/json"
    )
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["state"])
    assert both.get(f"/api/v1/quarantine/{cases[0].pk}").json()["acts"][0]["who"] == "Arena"
    assert both.get("/api/v1/quarantine/999999").status_code == 404


def test_a_program_needs_the_scopes_and_a_body_that_is_known(cases, program):
    path = f"/api/v1/quarantine/{cases[0].pk}/confirm"
    assert program("evals:read").post(path, {"reason": "x"}, content_type="application/json").status_code == 403
    assert program("evals:write").get("/api/v1/quarantine").status_code == 403
    body = {"reason": "x", "sate": "open"}
    assert program("evals:write").post(path, body, content_type="application/json").status_code == 400
    assert program("evals:read").get("/api/v1/quarantine?sate=open").status_code == 400


def test_what_a_reviewer_writes_is_escaped_everywhere(editor, cases):
    page = read(editor, f"/quarantine/{cases[1].pk}/")
    assert escape("signs as <b>X</b>") in page
    assert "<b>X</b>" not in page
