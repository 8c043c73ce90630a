"""Judged battles with names, verdicts and comments, and marking gold. Who reads here can no longer judge these battles
blind, so reviewers read none of a category they vote in. Reviewers' names and comments are for editors and admins."""

from __future__ import annotations

from functools import partial
from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.paging import page_of
from evals.models import Battle, Category, GoldBattle
from evals.voting.forms import GoldForm
from evals.voting.gold import GoldError, mark_gold, retire_gold
from evals.voting.queries.blinding import blinding_of, why_closed
from evals.voting.queries.judged import Filter, battle_detail, battle_lines

__all__ = ["battle_list", "gold_retire", "judged_battle"]

PAGE_SIZE = 25
_FILTERS = (("", "All"), ("split", "Disagreement"), ("comments", "Comments"), ("gold", "Gold"))


@require_safe
@role_required(Role.EDITOR)
def battle_list(request: HttpRequest, category: str) -> HttpResponse:
    """`?only=split`, `comments` or `gold` among the newest votes; any other value shows all."""
    found = get_object_or_404(Category.objects.select_related("ledger"), slug=category)
    only = request.GET.get("only", "")
    only = only if only in dict(_FILTERS) else ""
    read = partial(battle_lines, found, only=cast("Filter", only))
    page = page_of(request, read, size=PAGE_SIZE, key=lambda line: line.seq)
    context = {
        "category": found,
        "page": page,
        "only": only,
        "views": [(f"?only={key}" if key else "?", words, key == only) for key, words in _FILTERS],
    }
    return render(request, "evals/voting/battle_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.VIEWER)
def judged_battle(request: HttpRequest, pk: int) -> HttpResponse:
    """POST marks the right answer, for editors."""
    editor = person(request).may(Role.EDITOR)
    if request.method == "POST" and not editor:
        raise PermissionDenied("Marking gold needs the role editor.")
    found = battle_detail(pk)
    if found is None:
        raise Http404
    if blinding_of(request.user).hides(found.category_slug):
        raise PermissionDenied(why_closed(found.category))
    now = {"outcome": found.gold.outcome, "why": found.gold.why} if found.gold else {}
    form = GoldForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            mark_gold(battle=Battle.objects.get(pk=pk), **form.cleaned_data, actor=person(request))
        except GoldError as error:
            form.add_error("why", str(error))
        else:
            messages.success(request, "Marked as gold: it is mixed into draws.")
            return redirect("evals:judged-battle", pk)
    return render(request, "evals/voting/judged_battle.html", {"battle": found, "form": form, "editor": editor})


@require_POST
@role_required(Role.EDITOR)
def gold_retire(request: HttpRequest, pk: int) -> HttpResponse:
    gold = get_object_or_404(GoldBattle, battle=pk)
    if retire_gold(gold=gold, actor=person(request)):
        messages.success(request, "No longer gold. Nobody is measured by it any more.")
    return redirect("evals:judged-battle", pk)
