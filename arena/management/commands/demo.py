"""The demo: tasks of our own writing, and one small model asked under three settings."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from arena.accounts.services import save_person
from arena.management.guidelines import GUIDELINES
from arena.models import Role, User
from evals.catalog.services.contenders import ContenderFields, save_contender
from evals.catalog.services.providers import ProviderFields, save_provider
from evals.collection.services import start_run
from evals.models import Category, Contender, Provider, Run, TaskSet, TaskSetVersion
from evals.transfer.files.text import Source
from evals.transfer.tasks import import_tasks
from routing.policy.parse import default_document
from routing.policy.services import save_policy

TASKS = settings.BASE_DIR / "examples" / "demo-tasks.jsonl"
TASK_SET = "demo"
PROVIDER = "smollm2"
MODEL = "smollm2-135m-instruct"
# One model, three ways to ask it: what differs between them is what the votes are about. Short answers, so that the
# first pair is there within seconds on a laptop without a graphics card.
CONTENDERS: dict[str, dict[str, Any]] = {
    "smollm2-plain": {"temperature": 0.2, "max_tokens": 120},
    "smollm2-terse": {
        "temperature": 0,
        "max_tokens": 80,
        "system": "Do exactly what is asked, in as few words as you can. No greeting, no explanation.",
    },
    "smollm2-warm": {
        "temperature": 0.8,
        "max_tokens": 140,
        "system": "You are a careful and friendly colleague. Answer in your own words.",
    },
}
# A demo has one person and few votes; the defaults ask for more of both.
GATE = {"min_votes": 3, "min_reviewers": 1, "single_reviewer": True, "dwell_hours": 0.0}


class Command(BaseCommand):
    help = (
        "Seeds an empty database with the demo: a task set, three contenders, a policy and a run that collects.\n\n"
        "Example: manage.py demo"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter

    def handle(self, *args: Any, **options: Any) -> None:
        if not is_empty():
            raise CommandError("The demo is for an empty database, and this one has task sets or contenders.")
        run = seed()
        self.stdout.write(f"seeded the demo: {run.items.count()} answers are being collected")


def is_empty() -> bool:
    return not any(model.objects.exists() for model in (TaskSet, Category, Provider, Contender))


@transaction.atomic
def seed() -> Run:
    """All of the demo or none of it. Nobody rings the workers, which may not run yet: they look by themselves."""
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
            fields=ContenderFields(provider=provider, model_name=MODEL, settings=asked, context_tokens=2048),
        ).contender
        for slug, asked in CONTENDERS.items()
    ]


def _policy(admin: User) -> None:
    document = default_document()
    document["every_category"]["gate"] |= GATE
    save_policy(document=document, reason="The demo: few votes by one person decide.", actor=admin)
