"""The same task in long prompts: what is made of it, what contenders are sent, and what is said of one that forgets the
middle, of one whose context is too short, and of a provider that cuts the prompt."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from evals.catalog.filler import CHARS_PER_TOKEN
from evals.catalog.services.long_context import make_long_context
from evals.catalog.services.task_sets import TaskRow, TaskSetError, save_version
from evals.collection.services import LocalOnlyError, RunError, estimate, start_run
from evals.leaderboards.evidence import evidence
from evals.leaderboards.long_context import long_context
from evals.models import Category, Contender, Generation, Ledger, Provider, Task, TaskSet, TaskSetItem, TaskSetVersion
from tests.servers import DONE, OK, chunk, refuses, usage
from tests.suites import collect_all

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.on_both(because="answers are read by JSON metadata and a conditional unique index guards the sets"),
]

WORDS = ("bramble", "lantern", "saffron", "thimble")
LENGTHS = (2_000, 9_000)


@pytest.fixture
def words(suite):
    """Four tasks that ask for a word they tell, and one that nothing can judge."""
    for word in WORDS:
        suite.task(f"The password is {word}. What is the password?", checks=[{"type": "contains", "value": word}])
    suite.task("Write a poem.")
    return suite


def answers(*, forgets=False, most_tokens=5_000, sees=None):
    """A model that repeats the password if it sees it. It forgets the middle of what is long, refuses what is longer
    than its context, or is sent only the last `sees` tokens by its server."""

    def script(talk):
        prompt = talk.body["messages"][-1]["content"]
        tokens = round(len(prompt) / 4.65)
        if tokens > most_tokens:
            refuses(400, {"error": {"message": f"This model's maximum context length is {most_tokens} tokens"}})(talk)
            return
        seen = prompt
        if sees and tokens > sees:
            seen, tokens = prompt[-round(sees * 4.65) :], sees
        if forgets and tokens > 1_000:
            seen = prompt[: len(prompt) // 4] + prompt[-len(prompt) // 4 :]
        word = re.search(r"password is (\w+)", seen)
        text = f"It is {word[1]}." if word else "I see no password."
        talk.send(OK + chunk(text) + chunk(finish="stop") + usage(tokens, 6) + DONE)

    return script


def test_a_model_that_forgets_the_middle_is_found_out(words, client_of, viewer_user):
    forgetful = words.contender("forgetful", words.provider("one", answers(forgets=True)))
    short = words.contender("short", words.provider("two", answers()), context_tokens=4_096)
    words.run(forgetful)
    made = make_long_context(task_set=words.task_set, lengths=LENGTHS)
    assert (made.tasks, made.prompts, made.tokens) == (4, 24, 4 * 3 * 11_000)
    assert made.left_out == {"without checks, so that nothing would judge the answer": 1}
    start_run(version=made.version, contenders=[forgetful, short])
    collect_all()

    found = long_context(words.task_set)
    assert found is not None
    assert (found.tasks, found.lengths, [one.slug for one in found.contenders]) == (4, LENGTHS, ["forgetful", "short"])
    one, two = found.contenders

    plain, at_2k, at_9k = one.rows
    assert (plain.tokens, plain.whole.success.rate) == (None, 1.0)
    assert [cell.success.rate for cell in at_2k.positions] == [1.0, 0.0, 1.0]
    assert (at_2k.whole.success.n, at_2k.whole.ttft_ms.n) == (12, 12)
    assert one.findings == (
        "At 2k, it loses what stands in the middle: 0% there, against 100% at the start and 100% at the end.",
    )
    # The provider counts what the estimate says, within what tokenizers differ.
    assert at_2k.counted == pytest.approx(2_000, rel=0.1)
    assert not at_2k.cut
    # Its provider refuses the longer ones: no failures, and no success either.
    assert (at_9k.takes, at_9k.refused, at_9k.whole.success.n) == (False, 12, 0)
    assert at_9k.note == "does not take it: its provider refuses prompts so long"

    # What is known to be too long is not even asked.
    assert [cell.success.rate for cell in two.rows[1].positions] == [1.0, 1.0, 1.0]
    assert (two.rows[2].takes, two.rows[2].note) == (False, "does not take it: its context has 4,096 tokens")
    assert Generation.objects.filter(contender=short).count() == 12

    # None of it counts for the plain category, and nobody votes on it.
    assert evidence("code")["forgetful"].n == 5
    assert evidence(None)["forgetful"].n == 5
    assert evidence(None).keys() == {"forgetful"}
    assert list(Category.objects.values_list("slug", flat=True)) == ["code"]
    assert Ledger.objects.filter(category__slug="code---long-context").exists()
    client = client_of(viewer_user)
    assert client.get("/leaderboards/code---long-context/").status_code == 404

    page = client.get(reverse("evals:long-context", args=["suite"])).content.decode()
    assert "it loses what stands in the middle: 0% there" in page
    assert "does not take it: its context has 4,096 tokens" in page
    api = client.get("/api/v1/task-sets/suite/long-context").json()
    row = api["contenders"][0]["lengths"][1]
    assert [(cell["position"], cell["success_rate"]) for cell in row["positions"]] == [
        ("start", 1.0), ("middle", 0.0), ("end", 1.0)]  # fmt: skip
    assert (api["chars_per_token"], api["long_task_set"]) == (CHARS_PER_TOKEN, "suite-long")


def test_a_server_that_cuts_the_prompt_without_a_word_is_told(words):
    cut = words.contender("cut", words.provider("one", answers(sees=800)))
    made = make_long_context(task_set=words.task_set, lengths=[2_000], most_tasks=1)
    start_run(version=made.version, contenders=[cut])
    collect_all()
    found = long_context(words.task_set)
    assert found is not None
    row = found.contenders[0].rows[1]
    assert (row.cut, row.counted) == (True, 800)
    assert (
        "its provider counted 800 tokens of about 2,000: it seems to cut the prompt" in found.contenders[0].findings[0]
    )


def test_the_same_tasks_make_the_same_prompts_and_changed_ones_new_ones(words):
    first = make_long_context(task_set=words.task_set, lengths=LENGTHS)
    again = make_long_context(task_set=words.task_set, lengths=LENGTHS[::-1])
    assert (again.version, again.unchanged) == (first.version, True)
    more = make_long_context(task_set=words.task_set, lengths=[*LENGTHS, 4_000])
    kept = set(first.version.items.values_list("task", flat=True))
    assert kept < set(more.version.items.values_list("task", flat=True))
    sizes = [len(json.dumps(task.messages)) for task in Task.objects.filter(items__version=more.version)]
    assert max(sizes) < 2_000
    ids = more.version.items.values_list("external_id", flat=True)[:3]
    assert list(ids) == ["0@2k-start", "0@2k-middle", "0@2k-end"]


def test_long_prompts_of_what_stays_here_stay_here(words):
    hosted = Provider.objects.create(slug="far", name="Far", base_url="https://far.example/v1", locality="hosted")
    away = Contender.objects.create(slug="away", family="away", provider=hosted, model_name="away")
    made = make_long_context(task_set=words.task_set, lengths=[2_000])
    # One of the tasks belongs to another set as well, which is local_only.
    kept = TaskSet.objects.create(slug="kept", name="Kept", local_only=True)
    version = TaskSetVersion.objects.create(task_set=kept, n=1, sha256="1" * 64)
    TaskSetItem.objects.create(version=version, task=words.version.tasks.all()[0], external_id="1", position=0)
    with pytest.raises(LocalOnlyError, match="stay on your own machines"):
        start_run(version=made.version, contenders=[away])


def test_the_set_itself_becoming_local_only_takes_its_long_prompts_along(words):
    made = make_long_context(task_set=words.task_set, lengths=[2_000])
    rows = [TaskRow("0", "code", [{"role": "user", "content": "New."}])]
    save_version(task_set_slug="suite", rows=rows, source="", local_only=True)
    assert TaskSet.objects.get(slug="suite-long").local_only
    assert not made.version.tasks.filter(local_only=False).exists()


def test_what_cannot_be_made_or_asked_says_why(words, client_of, editor_user):
    with pytest.raises(TaskSetError, match="between 1 and 50 tasks"):
        make_long_context(task_set=words.task_set, most_tasks=51)
    with pytest.raises(TaskSetError, match="between 1,000 and 1,000,000 tokens"):
        make_long_context(task_set=words.task_set, lengths=[2_000, 2_000_000])
    poem = save_version(task_set_slug="poems", rows=[TaskRow("1", "Poems", [{"role": "user", "content": "Write."}])],
                        source="")  # fmt: skip
    with pytest.raises(TaskSetError, match="1 without checks"):
        make_long_context(task_set=poem.version.task_set)
    made = make_long_context(task_set=words.task_set, lengths=[9_000])
    with pytest.raises(TaskSetError, match="are long already"):
        make_long_context(task_set=made.version.task_set)
    with pytest.raises(TaskSetError, match="holds the tasks of suite in long prompts"):
        save_version(
            task_set_slug="suite-long", rows=[TaskRow("1", "code", [{"role": "user", "content": "?"}])], source=""
        )
    with pytest.raises(CommandError, match="export that"):
        call_command("export_task_set", "suite-long", "/dev/null.csv")
    small = words.contender("small", words.provider(), context_tokens=8_192)
    with pytest.raises(
        RunError, match="about 9,000 tokens, and the context of each of these contenders is shorter: small"
    ):
        start_run(version=made.version, contenders=[small])
    client = client_of(editor_user)
    address = reverse("evals:long-context", args=["suite"])
    page = client.post(address, {"lengths": "8k", "tasks": 3})
    assert "“8k” is not a number of tokens" in page.content.decode()
    done = client.post(address, {"lengths": "3000", "tasks": 2})
    assert done.url == f"{reverse('evals:run-new')}?task-set=suite-long"
    assert client.get(reverse("evals:long-context", args=["suite-long"])).url == address


def test_an_estimate_goes_by_the_length_of_the_prompts(words):
    cheap = words.priced("cheap", usd="1", provider=words.provider("one", answers(most_tokens=50_000)))
    words.run(cheap)
    collect_all()
    made = make_long_context(task_set=words.task_set, lengths=LENGTHS)
    guess = estimate(version=made.version, contenders=[cheap])
    assert guess.calls == 24
    # 24 prompts of 5,500 tokens on average, and six tokens of each answer, at a dollar a million.
    assert float(guess.usd) == pytest.approx(24 * 5_506 / 1e6, rel=0.01)
    # Short answers say nothing of how long these take.
    assert not guess.seconds_known


def test_the_command_says_what_it_made(words):
    out = StringIO()
    call_command("long_context", "suite", "--tokens", "2000", "--tasks", "3", stdout=out)
    assert "suite-long, version 1: 9 prompts of 3 tasks, about 18,000 tokens for each contender" in out.getvalue()
    assert "Left out: 1 without checks" in out.getvalue()
