"""Does anything that a reviewer's browser may read tell who wrote which answer?

    python -m benchmarks.leak_hunt [--quick] [closed] [opened] [control] [sides]

A reviewer votes, reads every address they may open before and after each act, undoes and votes again, and names the
sides by what moved (`benchmarks.leaks.player`): with the boards closed, with the board opened to reviewers, and, as a
control that shows that the hunt can find something, as an editor, who may read everything. Contenders are canaries, so
every response of the voting pages is searched for their names. A classifier learns on all that ballots send but the
answers' words. Sides are counted over many draws. Without names all four parts run. `--quick` only shows that
everything works.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import NamedTuple

import django
import numpy as np
from django.core.management import call_command
from django.db import transaction
from scipy.stats import binomtest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
django.setup()

from arena.models import Role, User  # noqa: E402
from benchmarks.leaks.classifier import cross_validated, features_of  # noqa: E402
from benchmarks.leaks.player import Game, interval  # noqa: E402
from benchmarks.leaks.walk import client_of  # noqa: E402
from benchmarks.leaks.world import build  # noqa: E402
from evals.models import Reviewer  # noqa: E402
from evals.voting.casting import skip  # noqa: E402
from evals.voting.drawing import draw  # noqa: E402
from evals.voting.kept import forget_all  # noqa: E402


class Size(NamedTuple):
    ballots: int = 500
    control: int = 100
    classified: int = 6_000
    draws: int = 10_000


QUICK = Size(ballots=6, control=6, classified=60, draws=60)


def main(arguments: list[str] | None = None) -> int:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only show that everything works")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    asked = parser.parse_args(arguments)
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"{min(unknown)} is not a part; there are {', '.join(PARTS)}")
    size = QUICK if asked.quick else Size()
    call_command("migrate", verbosity=0)
    wrong: list[str] = []
    for part in asked.parts or PARTS:
        # Each begins with an empty database. Votes cannot be deleted, so what it stores is rolled back.
        with transaction.atomic():
            wrong += PARTS[part](size)
            transaction.set_rollback(True)
        forget_all()
    for words in wrong:
        print(f"WRONG: {words}", file=sys.stderr)
    return len(wrong)


def play(who: str, ballots: int, role: Role, *, boards_open: bool) -> list[str]:
    """Complaints; a row of the table is printed."""
    world = build(tasks=max(4, ballots // 5), role=role, boards_open=boards_open)
    # The control is to show what the player can do; what others vote at the same moment would hide some of it.
    others = 0.0 if role == Role.EDITOR else 0.3
    game = Game(client_of(world), world, np.random.default_rng(7), others=others)
    game.play(ballots)
    low, high = interval(game.played)
    print(
        f"{who}: {game.right} of {game.played} sides named right ({game.clues} with a clue; a coin: {low} to {high}); "
        f"{game.requests:,} responses read, {len(game.canaries)} of voting pages named a contender, "
        f"{len(game.names_told)} pages had an answer beside a name",
        flush=True,
    )
    wrong = [f"{who}: {hit}" for hit in (*game.canaries[:3], *(game.names_told[:3] if role == Role.REVIEWER else ()))]
    if role == Role.REVIEWER and not low <= game.right <= high:
        wrong.append(f"{who} is better, or worse, than a coin")
    if role == Role.EDITOR and ballots > QUICK.control and game.right <= high:
        wrong.append(f"{who} is not better than a coin, so the hunt would not find a leak")
    return wrong


def classify(size: Size) -> list[str]:
    """The classifier and the balance of sides, over ballots that are drawn and skipped."""
    world = build(tasks=100)
    told, lefts, firsts = [], 0, 0
    client, reviewer, drawn = client_of(world), world.reviewer, 0
    while drawn < size.draws:
        ballot = draw(category=world.category, reviewer=reviewer)
        if ballot is None:  # seen everything; a new pair of eyes
            reviewer = _newcomer(drawn)
            client.force_login(reviewer.user)
            continue
        if len(told) < size.classified:
            told.append(features_of(client, world, ballot))
        left = ballot.battle.lo_id if ballot.left == "lo" else ballot.battle.hi_id
        right = ballot.battle.hi_id if ballot.left == "lo" else ballot.battle.lo_id
        lefts += ballot.left == "lo"
        firsts += world.writers[left] < world.writers[right]
        skip(ballot=ballot)
        drawn += 1
    area = cross_validated(told, np.random.default_rng(3))
    by_age, by_name = (binomtest(n, drawn).pvalue for n in (lefts, firsts))
    print(f"classifier on {len(told):,} ballots: AUC {area:.3f}", flush=True)
    print(f"sides over {drawn:,} draws: older answer left {lefts:,} (p = {by_age:.2f}), ", end="")
    print(f"first name left {firsts:,} (p = {by_name:.2f})", flush=True)
    wrong = []
    if size.classified > QUICK.classified and not 0.48 <= area <= 0.52:
        wrong.append(f"the classifier tells sides apart: AUC {area:.3f}")
    if min(by_age, by_name) < 0.01:
        wrong.append(f"sides are not balanced: {lefts} and {firsts} of {drawn}")
    return wrong


PARTS: dict[str, Callable[[Size], list[str]]] = {
    "closed": lambda size: play("reviewer, boards closed", size.ballots, Role.REVIEWER, boards_open=False),
    "opened": lambda size: play("reviewer, board opened", size.ballots, Role.REVIEWER, boards_open=True),
    "control": lambda size: play("editor (control)", size.control, Role.EDITOR, boards_open=False),
    "sides": classify,
}


def _newcomer(n: int) -> Reviewer:
    user = User.objects.create(username=f"newcomer-{n}", role=Role.REVIEWER)
    return Reviewer.objects.create(user=user, handle=f"user:{user.pk}", name=user.name)


if __name__ == "__main__":
    sys.exit(main())
