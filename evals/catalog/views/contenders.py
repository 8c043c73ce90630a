"""Providers and contenders, and a test call to one. Any signed-in user can see them; only an admin edits keys and
addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from arena.accounts.roles import person, role_required
from arena.models import Role
from arena.ui.htmx import HtmxHttpRequest
from evals import signals
from evals.catalog import gguf
from evals.catalog.forms import ContenderForm, ProbeForm, ProviderForm, askable_providers
from evals.catalog.presets import PRESETS, preset
from evals.catalog.price_list import listed_price
from evals.catalog.queries.contenders import (
    VoteCounts,
    contender_card,
    contender_cards,
    provider_card,
    provider_cards,
    votes_by_contender,
)
from evals.catalog.services.contenders import SavedContender, retire, unretire
from evals.models import Contender, Provider
from evals.voting.queries.blinding import blinding_of


@require_safe
@role_required(Role.VIEWER)
def contender_list(request: HttpRequest) -> HttpResponse:
    retired = request.GET.get("show") == "retired"
    cards = contender_cards()
    blinding = blinding_of(request.user)
    votes = votes_by_contender(without=blinding.vote_in)
    context = {
        "rows": [(card, votes.get(card.id, VoteCounts())) for card in cards if card.retired == retired],
        "retired": retired,
        "blinded": bool(blinding.vote_in),
        "counts": {"active": sum(not card.retired for card in cards), "retired": sum(card.retired for card in cards)},
        "may_edit": person(request).may(Role.EDITOR),
        "may_add_providers": person(request).may(Role.ADMIN),
        "askable": askable_providers(),
    }
    return render(request, "evals/catalog/contender_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def contender_new(request: HttpRequest) -> HttpResponse:
    provider = request.GET.get("provider", "")
    form = ContenderForm(request.POST or None, provider=provider)
    if request.method == "POST" and form.is_valid() and (saved := form.save()) is not None:
        messages.success(request, _saved_message(saved))
        return redirect("evals:contender-test", saved.contender.slug)
    context = {
        "form": form,
        "chosen_provider": askable_providers().filter(slug=provider).first(),
        "examples": _examples(provider),
        "has_provider": askable_providers().exists(),
        "may_add_providers": person(request).may(Role.ADMIN),
    }
    return render(request, "evals/catalog/contender_form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def contender_edit(request: HttpRequest, slug: str) -> HttpResponse:
    contender = _contender(slug)
    card = contender_card(contender)
    form = ContenderForm(request.POST or None, contender=contender)
    if request.method == "POST" and card.askable and form.is_valid() and (saved := form.save()) is not None:
        messages.success(request, _saved_message(saved))
        if saved.how == "revised":
            return redirect("evals:contender-test", saved.contender.slug)
        return redirect("evals:contender-list")
    listed = listed_price(card.base_url, card.model_name) if card.askable else None
    context = {"form": form, "contender": card, "listed": listed, "touched": _touched(contender)}
    return render(request, "evals/catalog/contender_form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def contender_test(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    """POST makes one call, stores nothing and freezes nothing; htmx gets the result's part of the page."""
    contender = _contender(slug)
    form = ProbeForm(request.POST or None)
    card = contender_card(contender)
    context: dict[str, Any] = {"form": form, "contender": card}
    if request.method == "POST" and card.askable and form.is_valid():
        # With the first call: it brings httpx along, which no other page needs.
        from evals.collection.calls import BusyError, probe  # noqa: PLC0415

        try:
            context["result"] = probe(contender=contender, prompt=form.cleaned_data["prompt"])
        except BusyError:
            form.add_error("prompt", "Two test calls are under way. Try again once one of them has ended.")
    part = "evals/catalog/_contender_test.html" if request.htmx else "evals/catalog/contender_test.html"
    return render(request, part, context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def contender_retire(request: HttpRequest, slug: str) -> HttpResponse:
    """GET asks for confirmation and names the routes affected; POST retires it, or with `back` brings it back."""
    contender = _contender(slug)
    if request.method != "POST":
        context = {"contender": contender_card(contender), "touched": _touched(contender)}
        return render(request, "evals/catalog/contender_retire.html", context)
    if "back" in request.POST:
        unretire(contender=contender)
        messages.success(request, f"{contender.slug} is back: it is asked and drawn again.")
    else:
        retire(contender=contender)
        messages.success(request, f"{contender.slug} is retired. Its answers and votes stay.")
    return redirect("evals:contender-list")


def _examples(provider: str) -> Sequence[str]:
    """Model names to choose from: the preset's, or the files that there are."""
    chosen = Provider.objects.filter(slug=provider).first()
    if chosen is not None and chosen.kind == Provider.Kind.LLAMA_CPP:
        return gguf.names()
    known = preset(provider)
    return known.example_models if known else ()


def _contender(slug: str) -> Contender:
    return get_object_or_404(Contender.objects.select_related("provider"), slug=slug)


def _touched(contender: Contender) -> list[str]:
    answers = signals.retirement_asked.send(sender=Contender, contender=contender)
    return [words for _, named in answers for words in named or ()]


def _saved_message(saved: SavedContender) -> str:
    slug = saved.contender.slug
    return {
        "created": f"{slug} was added. Try it with a test call.",
        "changed": f"{slug} saved.",
        "revised": f"{slug} was created: the revision before it is in use and stays unchanged.",
        "unchanged": f"{slug} is unchanged.",
    }[saved.how]


@require_safe
@role_required(Role.VIEWER)
def provider_list(request: HttpRequest) -> HttpResponse:
    who = person(request)
    context = {"providers": provider_cards(), "may_edit": who.may(Role.ADMIN), "may_find": who.may(Role.EDITOR)}
    return render(request, "evals/catalog/provider_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.ADMIN)
def provider_new(request: HttpRequest) -> HttpResponse:
    start = preset(request.GET.get("preset", ""))
    form = ProviderForm(request.POST or None, preset=start)
    if request.method == "POST" and form.is_valid() and (provider := form.save()) is not None:
        messages.success(request, f"{provider.name} was added. Next, choose its models, or type one.")
        return redirect(reverse("evals:contender-new", query={"provider": provider.slug}))
    context = {"form": form, "start": start, "presets": PRESETS, "blank": "preset" in request.GET}
    return render(request, "evals/catalog/provider_form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.ADMIN)
def provider_edit(request: HttpRequest, slug: str) -> HttpResponse:
    provider = get_object_or_404(Provider.objects.exclude(kind=Provider.Kind.IMPORTED), slug=slug)
    form = ProviderForm(request.POST or None, provider=provider)
    if request.method == "POST" and form.is_valid() and (saved := form.save()) is not None:
        messages.success(request, f"{saved.name} saved.{_left_behind(saved)}")
        return redirect("evals:provider-list")
    return render(request, "evals/catalog/provider_form.html", {"form": form, "provider": provider_card(provider)})


def _left_behind(provider: Provider) -> str:
    """Contenders in use keep the address and API they were measured at; whoever moves a provider is told which."""
    behind = Contender.objects.filter(provider=provider, retired_at=None, used_at__isnull=False)
    slugs = list(behind.exclude(base_url=provider.base_url, kind=provider.kind).values_list("slug", flat=True))
    if not slugs:
        return ""
    return f" {', '.join(slugs)} keep the old address and API: edit them to create revisions at the new one."
