"""The practice round: a verdict on each pair, and at once what the right one is and why."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from arena.accounts.languages import translated
from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.markup import first_line
from arena.ui.markup import render as render_markup
from evals.models import Ballot, Category
from evals.voting.practice import Exercise, exercises, finish
from evals.voting.queries.battles import Answer, Prompt, Turn, battle_page, choice_label
from evals.voting.reviewers import reviewer_of

__all__ = ["practice"]


@dataclass(frozen=True)
class Pair:
    prompt: Prompt
    answers: tuple[Answer, Answer]


@translated
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@role_required(Role.REVIEWER)
def practice(request: HttpRequest) -> HttpResponseBase:
    """GET shows the pair `n`; POST says what is right about it. What was chosen is stored nowhere."""
    reviewer = reviewer_of(person(request))
    category = Category.objects.filter(slug=request.GET.get("category", "")).first()
    round_ = exercises(language=translation.get_language() or "", category=category, reviewer=reviewer)
    n = _number(request.GET.get("n", ""), most=len(round_))
    exercise = round_[n - 1]
    choice = request.POST.get("choice", "")
    answered = request.method == "POST" and choice in Ballot.Choice.values
    is_last = n == len(round_)
    if answered and is_last:
        finish(reviewer=reviewer)
    context = {
        "category": category,
        "pair": _pair(exercise),
        "n": n,
        "of": len(round_),
        "here": _address(category, n),
        "choice": choice if answered else "",
        "picked": choice_label(choice) if answered else "",
        "right": choice_label(exercise.verdict),
        "same": choice == exercise.verdict,
        "why": exercise.why,
        "following": "" if is_last else _address(category, n + 1),
    }
    return render(request, "evals/voting/practice.html", context)


def _number(text: str, *, most: int) -> int:
    """A pair's number; the first for what is none."""
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 4 and int(text) else 1


def _address(category: Category | None, n: int) -> str:
    fields = {"n": n} | ({"category": category.slug} if category is not None else {})
    return f"{reverse('evals:practice')}?{urlencode(fields)}"


def _pair(exercise: Exercise) -> Pair:
    if exercise.ballot is not None:
        page = battle_page(exercise.ballot)
        return Pair(page.prompt, page.answers)
    return Pair(
        Prompt(first_line(exercise.prompt), (_said(exercise.prompt),)),
        (
            Answer("A", "left", (_said(exercise.left),)),
            Answer("B", "right", (_said(exercise.right),)),
        ),
    )


def _said(text: str) -> Turn:
    html: SafeString = render_markup(text)
    return Turn("", html)
