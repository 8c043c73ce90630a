"""A category whose contenders are canaries: each of their names is a word that stands nowhere else. And each answer has
a word of its own, by which it is known wherever it turns up. Texts and pictures are drawn alike for all contenders, so
that nothing but a leak can tell who wrote them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from PIL import Image

from arena.models import Role, User
from evals.catalog.images.encoding import encode
from evals.catalog.images.storing import keep_file, keep_rows
from evals.models import (
    Category,
    Contender,
    Generation,
    Provider,
    Reviewer,
    Run,
    RunItem,
    Task,
    TaskSet,
    TaskSetItem,
    TaskSetVersion,
)

__all__ = ["CANARIES", "Canary", "World", "build"]

_WORDS = tuple("the order was sent on monday and refund is due once our courier has seen it come back again".split())  # noqa: SIM905


@dataclass(frozen=True)
class Canary:
    """Everything that is a contender's own."""

    slug: str

    @property
    def words(self) -> tuple[str, ...]:
        return (
            self.slug,
            f"{self.slug}-family",
            f"{self.slug}-model",
            f"{self.slug}-provider",
            f"{self.slug.title()} House",
            f"{self.slug}.example",
            f"{self.slug}-system",
        )


CANARIES = tuple(map(Canary, ("xylopho", "quokkar", "zephyrn", "wombatu")))


@dataclass(frozen=True, eq=False)
class World:
    """`marks`: the word of each answer, by generation; `writers`: its contender's slug."""

    category: Category
    user: User
    reviewer: Reviewer
    colleague: Reviewer
    run: Run
    marks: dict[int, str]
    writers: dict[int, str]


def build(*, tasks: int, role: Role = Role.REVIEWER, boards_open: bool = False, seed: int = 1) -> World:
    """Each of the canaries has answered each task; a picture goes with every fourth task's answers. `role` is what the
    player may do."""
    rng = np.random.default_rng(seed)
    category = Category.objects.create(slug="support", name="Support", boards_open=boards_open, single_reviewer=True)
    version = TaskSetVersion.objects.create(task_set=TaskSet.objects.create(slug="tickets", name="Tickets"), n=1)
    made = [Task(category=category, digest=f"{n:064d}", messages=_asked(n)) for n in range(tasks)]
    Task.objects.bulk_create(made)
    items = [TaskSetItem(version=version, task=one, external_id=f"t{n}", position=n) for n, one in enumerate(made)]
    TaskSetItem.objects.bulk_create(items)
    contenders = [_contender(canary) for canary in CANARIES]
    answers = []
    for n, task in enumerate(made):
        # Who answers first, and so has the lower id, is drawn too.
        for k in rng.permutation(len(contenders)).tolist():
            images = [_picture(rng)] if n % 4 == 0 else []
            mark = f"mark{sha256(f'{seed} {n} {k}'.encode()).hexdigest()[:12]}"
            answers.append(_answer(task, contenders[k], mark, images, rng))
    Generation.objects.bulk_create(answers)
    run = Run.objects.create(version=version)
    run.contenders.set(contenders)
    RunItem.objects.bulk_create([RunItem(run=run, generation=one) for one in answers])
    user = User.objects.create(username="player", role=role)
    reviewers = [
        Reviewer.objects.create(user=who, handle=f"user:{who.pk}", name=who.name)
        for who in (user, User.objects.create(username="colleague", role=Role.REVIEWER))
    ]
    return World(
        category=category,
        user=user,
        reviewer=reviewers[0],
        colleague=reviewers[1],
        run=run,
        marks={one.pk: one.text.split()[0] for one in answers},
        writers={one.pk: one.contender.slug for one in answers},
    )


def _asked(n: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Ticket {n}: where is my order?"}]


def _contender(canary: Canary) -> Contender:
    provider = Provider.objects.create(
        slug=f"{canary.slug}-provider",
        name=f"{canary.slug.title()} House",
        base_url=f"https://{canary.slug}.example/v1",
    )
    return Contender.objects.create(
        slug=canary.slug,
        family=f"{canary.slug}-family",
        provider=provider,
        model_name=f"{canary.slug}-model",
        settings={"system": f"{canary.slug}-system"},
    )


def _answer(task: Task, contender: Contender, mark: str, images: list[str], rng: np.random.Generator) -> Generation:
    words = rng.choice(_WORDS, int(rng.integers(8, 60))).tolist()
    return Generation(
        task=task,
        contender=contender,
        state=Generation.State.DONE,
        text=" ".join([mark, *words]),
        images=images,
        latency_ms=float(rng.integers(200, 900)),
        tokens_out=len(words),
    )


def _picture(rng: np.random.Generator) -> str:
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).save(stream, "PNG")
    encoded = encode(stream.getvalue())
    keep_file(encoded)
    keep_rows([encoded])
    return encoded.sha256
