"""What a category costs, and what it would cost otherwise."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from arena.accounts.roles import role_required
from arena.models import Role
from arena.ui.charts import Bar, bar
from arena.ui.numbers import money as written
from evals.battles.typical import typical_tokens
from evals.voting.queries.blinding import blinding_of
from routing.money.figures import Machine, Range, break_even
from routing.money.forms import MoneyForm
from routing.money.queries import REPORTED_DAYS, Contender, Money, money_of, priced_categories

__all__ = ["money"]

_BUSY = 50.0


@require_safe
@role_required(Role.VIEWER)
def money(request: HttpRequest) -> HttpResponse:
    """`?category=&volume=&gpu_usd=&gpu_model=&gpu_tokens=&gpu_busy=`. Decisions of a category are closed to reviewers
    who vote in it, and so is this."""
    hidden = blinding_of(request.user).vote_in
    categories = [(slug, name) for slug, name in priced_categories() if slug not in hidden]
    slugs = [slug for slug, _ in categories]
    asked = request.GET.get("category", "")
    slug = asked if asked in slugs else slugs[0] if slugs and not asked else ""
    form = MoneyForm(request.GET)
    context: dict[str, Any] = {
        "categories": categories,
        "slug": slug,
        "unknown": asked if asked and not slug else "",
        "form": form,
        "days": REPORTED_DAYS,
        "hidden": len(hidden),
    }
    if slug and form.is_valid():
        found = money_of(slug, form.cleaned_data["volume"])
        if found is not None:
            context |= {"money": found, "lines": _lines(found), **_machine(slug, found, form)}
    return render(request, "routing/money/money.html", context)


def _lines(found: Money) -> list[tuple[Contender, Bar | None]]:
    """Each contender with its bar: solid to the low end of its range, pale to the high end."""
    shown = [one.a_month or one.per_success for one in found.contenders]
    most = max((one.high or one.middle for one in shown if one), default=0.0)
    return [(one, _bar(cost, most) if cost else None) for one, cost in zip(found.contenders, shown, strict=True)]


def _bar(cost: Range, most: float) -> Bar:
    low = cost.low if cost.low is not None else cost.middle
    high = cost.high if cost.high is not None else cost.middle
    label = f"{written(cost.middle)}, {written(low)} to {written(high)}"
    return bar([("done", low), ("plan", high - low)], most or 1.0, label)


def _machine(slug: str, found: Money, form: MoneyForm) -> dict[str, Any]:
    """The break-even against each hosted contender; why not, where a figure is missing."""
    given = form.cleaned_data
    if given["gpu_usd"] is None:
        return {}
    own = next((one for one in found.contenders if one.slug == given["gpu_model"]), None)
    if own is None:
        return {"gpu_missing": "Name the contender that would run on it: its success rate counts."}
    tokens, pace = typical_tokens(slug), given["gpu_tokens"] or own.tokens_per_second
    if pace is None or tokens is None or not tokens or not own.success_rate:
        missing = "tokens a second" if pace is None else "success rate" if tokens else "length of answers"
        return {"gpu_missing": f"The {missing} of {own.slug} is not measured here yet, so nothing can be said."}
    machine = Machine(given["gpu_usd"], pace, tokens, own.success_rate, own.n, (given["gpu_busy"] or _BUSY) / 100)
    hosted = [one for one in found.contenders if not one.local and one.slug != own.slug]
    return {
        "machine": machine,
        "gpu_model": own.slug,
        "gpu_measured": given["gpu_tokens"] is None,
        "break_evens": [(one.slug, break_even(machine, one.per_success)) for one in hosted],
    }
