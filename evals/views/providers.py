"""Where models are asked. Everybody signed in sees which there are; keys and addresses are an admin's."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from arena.access.roles import person, role_required
from arena.models import Role
from evals.forms.providers import ProviderForm
from evals.models import Contender, Provider
from evals.selectors.contenders import provider_card, provider_cards
from evals.services.contenders.presets import PRESETS, preset


@require_safe
@role_required(Role.VIEWER)
def provider_list(request: HttpRequest) -> HttpResponse:
    context = {"providers": provider_cards(), "may_edit": person(request).may(Role.ADMIN), "presets": PRESETS}
    return render(request, "evals/provider_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.ADMIN)
def provider_new(request: HttpRequest) -> HttpResponse:
    start = preset(request.GET.get("preset", ""))
    form = ProviderForm(request.POST or None, preset=start)
    if request.method == "POST" and form.is_valid() and (provider := form.save()) is not None:
        messages.success(request, f"{provider.name} added. Next: a contender there.")
        return redirect(reverse("evals:contender-new", query={"provider": provider.slug}))
    context = {"form": form, "start": start, "presets": PRESETS, "blank": "preset" in request.GET}
    return render(request, "evals/provider_form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.ADMIN)
def provider_edit(request: HttpRequest, slug: str) -> HttpResponse:
    provider = get_object_or_404(Provider.objects.exclude(kind=Provider.Kind.IMPORTED), slug=slug)
    form = ProviderForm(request.POST or None, provider=provider)
    if request.method == "POST" and form.is_valid() and (saved := form.save()) is not None:
        messages.success(request, f"{saved.name} saved.{_left_behind(saved)}")
        return redirect("evals:provider-list")
    return render(request, "evals/provider_form.html", {"form": form, "provider": provider_card(provider)})


def _left_behind(provider: Provider) -> str:
    """Contenders in use keep the address they were measured at; whoever moves a provider is told which."""
    behind = Contender.objects.filter(provider=provider, retired_at=None, used_at__isnull=False)
    slugs = list(behind.exclude(base_url=provider.base_url).values_list("slug", flat=True))
    if not slugs:
        return ""
    return f" {', '.join(slugs)} stay at the old address: edit them to make revisions at the new one."
