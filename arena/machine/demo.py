"""What the demo seeds: tasks of our own writing, and one small model asked under three settings. `manage.py demo`, and
`manage.py up` on an empty database."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from arena.accounts.services import save_person
from arena.models import Role, User
from evals.catalog.services.contenders import ContenderFields, save_contender
from evals.catalog.services.providers import ProviderFields, save_provider
from evals.collection.services import start_run
from evals.models import Category, Contender, Provider, Run, TaskSet, TaskSetVersion
from evals.transfer.files.text import Source
from evals.transfer.tasks import import_tasks
from routing.policy.parse import default_document
from routing.policy.services import save_policy

__all__ = ["PROVIDER", "is_empty", "seed"]

# Each shows the model two to five examples as turns of a conversation: told only in words what to do, one of this size
# answers something else. With them it is often right, and its settings differ in how.
TASKS = settings.BASE_DIR / "examples" / "demo-tasks.jsonl"
TASK_SET = "demo"
PROVIDER = "smollm2"
MODEL = "smollm2-135m-instruct"
# One model, three ways to ask it: what differs between them is what the votes are about. Short answers, so that the
# first pair is there within seconds on a laptop without a graphics card.
CONTENDERS: dict[str, dict[str, Any]] = {
    "smollm2-plain": {"temperature": 0.5, "max_tokens": 60},
    "smollm2-terse": {"temperature": 0, "max_tokens": 40, "system": "Answer in as few words as you can."},
    "smollm2-warm": {
        "temperature": 0.9,
        "max_tokens": 80,
        "system": "You are a friendly colleague. Answer in your own words.",
    },
}
# A demo has one person and few votes; the defaults ask for more of both.
GATE = {"min_votes": 3, "min_reviewers": 1, "single_reviewer": True, "dwell_hours": 0.0}
# How to judge each category: what reviewers read beside the answers.
GUIDELINES = {
    "rewriting": """\
Ask one question: **which text would you send as it stands?**

### Look at, in this order
1. Does it still say the same? Nothing added, nothing lost.
2. Is it rewritten in the way that was asked for: shorter, or kinder?
3. Does it sound like a person who means it?

### Do not look at
- How far it is from the original. A light touch can be the better one.

### Tie or both bad?
**Tie**: you would send either. **Both bad**: you would write it yourself.
""",
    "json-extraction": """\
Ask one question: **which object could go straight into a program?**

### Look at, in this order
1. Is it one JSON object, with a name and a wish and nothing else?
2. Is the name that of the text, and would a colleague who reads the wish alone know what to do?
3. Is nothing invented, and nothing left over from the examples?

### Do not look at
- Spaces, line breaks, the order of the fields.

### Tie or both bad?
**Tie**: you would act on either in the same way. **Both bad**: you would have to read the text.
""",
    "short-answers": """\
Ask one question: **which answer would you rather hear, had you asked?**

### Look at, in this order
1. Is it what the text says?
2. Does it answer the question, and not another one?
3. Does it stop there?

### Do not look at
- Whether it is a whole sentence.

### Tie or both bad?
**Tie**: either tells you. **Both bad**: you would have to read the text again.
""",
    "tagging": """\
Ask one question: **which tag would help you find the message again?**

### Look at, in this order
1. Is it about this message, and not about another?
2. Does it say the most important thing?
3. Is it one tag: a hash sign and a few words with hyphens?

### Do not look at
- Upper or lower case, singular or plural.

### Tie or both bad?
**Tie**: you would look for either. **Both bad**: you would look for neither.
""",
}


def is_empty() -> bool:
    return not any(model.objects.exists() for model in (TaskSet, Category, Provider, Contender))


@transaction.atomic
def seed() -> Run:
    """All of the demo or none of it. Wakes no workers, which may not run yet: they look for work by themselves."""
    admin, _ = save_person(username="admin", role=Role.ADMIN)
    save_person(username="reviewer", role=Role.REVIEWER)
    version = _tasks()
    run = start_run(version=version, contenders=_contenders(), started_by=admin)
    _policy(admin)
    return run


def _tasks() -> TaskSetVersion:
    with TASKS.open("rb") as stream:
        import_tasks(source=Source(stream, TASKS.name), task_set=TASK_SET, name="Demo")
    for category in Category.objects.all():
        category.guidelines = GUIDELINES[category.slug]
        category.single_reviewer = True
        category.save()
    return TaskSetVersion.objects.get(task_set__slug=TASK_SET)


def _contenders() -> list[Contender]:
    provider = save_provider(
        slug=PROVIDER,
        fields=ProviderFields(
            name="SmolLM2 on this machine",
            base_url=f"http://127.0.0.1:{settings.ARENA_DEMO_MODEL_PORT}/v1",
            locality=Provider.Locality.LOCAL,
            # llama.cpp answers one request at a time here; a second one would measure the wait.
            max_concurrency=1,
        ),
    )
    return [
        save_contender(
            slug=slug,
            fields=ContenderFields(provider=provider, model_name=MODEL, settings=settings_, context_tokens=2048),
        ).contender
        for slug, settings_ in CONTENDERS.items()
    ]


def _policy(admin: User) -> None:
    document = default_document()
    document["every_category"]["gate"] |= GATE
    save_policy(document=document, reason="The demo: few votes by one person decide.", actor=admin)
