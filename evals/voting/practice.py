"""The practice round: pairs whose right verdict is known, with the reason.

The pairs below were made up for it, in each language. Behind them come the reviewer's own gold battles of a category:
only those they have judged and that count, since a right verdict that is told beforehand tests nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from evals.models import Ballot, Category, Reviewer
from evals.voting.choices import choice_of
from evals.voting.holding import counted

__all__ = ["Exercise", "exercises", "finish"]

_GOLD_MOST = 3


@dataclass(frozen=True)
class Exercise:
    """Two answers, and the right verdict on them in the page's words. `ballot`: the showing of a gold battle, which has
    the texts."""

    verdict: str
    why: str
    prompt: str = ""
    left: str = ""
    right: str = ""
    ballot: Ballot | None = None


_ENGLISH = (
    Exercise(
        verdict="right",
        why="A sounds sure and is wrong: the 5% is taken of the lower price, so £100 becomes £94.50. "
        "Whether it is right comes before how it reads.",
        prompt="A jacket costs £100. The shop takes off 10%, and then 5% of what is left. What does it cost?",
        left="**£85.00.** The two discounts add up to 15%, and 15% off £100 leaves £85.00. A great deal!",
        right="£100 less 10% is £90. 5% of £90 is £4.50, so the jacket costs £94.50.",
    ),
    Exercise(
        verdict="left",
        why="Both are right. B buries the one sentence that was asked for. Length is not a merit in itself.",
        prompt="In one sentence: why is the sky blue?",
        left="Air scatters the blue part of sunlight more than the red, so blue reaches us from every direction.",
        right="What a great question! The colour of the sky has fascinated people for thousands of years. To "
        "understand it, we first have to look at what light is. Light is made of many colours:\n\n- red\n- green\n"
        "- blue\n\nShort waves, such as blue ones, are scattered by air more than long ones. That is why we see a blue "
        "sky. I hope this helps! Would you like to know why sunsets are red?",
    ),
    Exercise(
        verdict="tie",
        why="You would be glad of either: the same correction, told in different words. That is what “tie” is for.",
        prompt="Correct this sentence: “Me and him was late.”",
        left="“He and I were late.”",
        right="Correct is: *He and I were late.*",
    ),
    Exercise(
        verdict="both_bad",
        why="Neither list has five words that begin with B, so you would send both back. B is closer, but a verdict "
        "for B would say that its answer will do.",
        prompt="Name five animals that begin with the letter B.",
        left="Bear, cat, beaver, dog, bison.",
        right="Bear, badger, beaver, buffalo.",
    ),
)

_GERMAN = (
    Exercise(
        verdict="right",
        why="A klingt sicher und ist falsch: Die 5 % gelten für den schon gesenkten Preis, aus 100 € werden also "
        "94,50 €. Ob eine Antwort stimmt, geht vor, wie sie sich liest.",
        prompt="Eine Jacke kostet 100 €. Der Laden zieht 10 % ab und vom Rest noch einmal 5 %. Was kostet sie?",
        left="**85,00 €.** Beide Rabatte ergeben zusammen 15 %, und 100 € minus 15 % sind 85,00 €. Ein tolles Angebot!",
        right="100 € minus 10 % sind 90 €. 5 % von 90 € sind 4,50 €, also kostet die Jacke 94,50 €.",
    ),
    Exercise(
        verdict="left",
        why="Beide stimmen. In B geht der eine Satz unter, nach dem gefragt war. Länge ist für sich kein Vorzug.",
        prompt="In einem Satz: Warum ist der Himmel blau?",
        left="Die Luft streut den blauen Teil des Sonnenlichts stärker als den roten, darum kommt Blau aus allen "
        "Richtungen zu uns.",
        right="Was für eine gute Frage! Die Farbe des Himmels beschäftigt die Menschen seit Jahrtausenden. Dafür "
        "müssen wir zuerst ansehen, was Licht ist. Es besteht aus vielen Farben:\n\n- Rot\n- Grün\n- Blau\n\nKurze "
        "Wellen wie die blauen werden von der Luft stärker gestreut als lange. Deshalb sehen wir einen blauen Himmel. "
        "Ich hoffe, das hilft! Soll ich noch erklären, warum der Sonnenuntergang rot ist?",
    ),
    Exercise(
        verdict="tie",
        why="Mit jeder der beiden wäre dir gedient: dieselbe Korrektur in anderen Worten. Dafür ist „Gleich gut“ da.",
        prompt="Berichtige diesen Satz: „Wegen dem Regen sind wir zu spät gekommen.“",
        left="„Wegen des Regens sind wir zu spät gekommen.“",
        right="Richtig heißt es: *Wegen des Regens sind wir zu spät gekommen.*",
    ),
    Exercise(
        verdict="both_bad",
        why="Keine der Listen hat fünf Wörter mit B, du würdest also beide zurückgeben. B ist näher dran, aber ein "
        "Urteil für B hieße, dass die Antwort genügt.",
        prompt="Nenne fünf Tiere, die mit dem Buchstaben B anfangen.",
        left="Bär, Katze, Biber, Hund, Bison.",
        right="Bär, Biber, Büffel, Bussard.",
    ),
)

_MADE_UP: Mapping[str, Sequence[Exercise]] = {"en": _ENGLISH, "de": _GERMAN}


def exercises(*, language: str, category: Category | None, reviewer: Reviewer) -> list[Exercise]:
    """The made-up pairs in this language, then the reviewer's gold battles of the category. One query."""
    made_up = _MADE_UP.get(language, _MADE_UP[settings.LANGUAGE_CODE])
    return [*made_up, *(_judged_gold(category, reviewer) if category is not None else ())]


def _judged_gold(category: Category, reviewer: Reviewer) -> list[Exercise]:
    judged = Ballot.objects.filter(
        counted(),
        reviewer=reviewer,
        category=category,
        battle__gold__isnull=False,
        battle__gold__retired_at__isnull=True,
        battle__lo__quarantine="",
        battle__hi__quarantine="",
    )
    related = judged.select_related("battle__gold", "battle__lo", "battle__hi", "battle__task", "category")
    return [
        Exercise(choice_of(ballot.battle.gold.outcome, ballot.left), ballot.battle.gold.why, ballot=ballot)
        for ballot in related.order_by("-closed_at", "-pk")[:_GOLD_MOST]
        # A closed ballot's images are served to nobody.
        if not ballot.battle.lo.images and not ballot.battle.hi.images
    ]


@transaction.atomic
def finish(*, reviewer: Reviewer) -> None:
    """Notes that the reviewer has practised, the first time. Nothing else of a practice round is stored."""
    Reviewer.objects.filter(pk=reviewer.pk, practised_at__isnull=True).update(practised_at=timezone.now())
