"""Models that are found and not typed: on servers of this machine, and in the lists of providers."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from arena.accounts.roles import role_required
from arena.errors import FieldError
from arena.models import Role
from arena.ui.htmx import HtmxHttpRequest
from arena.ui.wording import count, listed
from evals.catalog.found import FoundModel
from evals.catalog.queries.found import Offer, offers
from evals.catalog.services.found import (
    AddedModels,
    ChosenModel,
    ModelsRefusedError,
    add_found,
    add_found_server,
    provider_at,
)
from evals.models import Provider
from evals.models.generations import ErrorCategory

# More are not shown at once; a search narrows them.
SHOWN = 200
# Of each server on this machine; the rest unfold.
_IN_SIGHT = 12
_NAMED = 5
_SLOW_LIST = "See whether the server is busy, then try again."


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def contender_found(request: HtmxHttpRequest) -> HttpResponse:
    """GET looks for servers on this machine; POST makes contenders of the models chosen at one of them (`place`), and
    its provider if there is none. htmx gets the part of the contenders' page."""
    # With the first look: it brings httpx along, which most pages do not need.
    from evals.collection.listing.local import Survey, survey  # noqa: PLC0415

    own_port = int(request.get_port()) if request.get_port().isdecimal() else 0
    if request.method == "POST":
        place = request.POST.get("place", "")
        seen = survey(only=place, except_port=own_port) if place else Survey()
        if not seen.found:
            messages.error(request, "Nothing was added: the server does not answer any more. Look again.")
            return redirect("evals:contender-found")
        server = seen.found[0]
        chosen = _chosen(request.POST, server.listing.models)
        try:
            return _added(request, add_found_server(slug=server.slug, fields=server.fields, chosen=chosen))
        except FieldError as error:
            messages.error(request, f"Nothing was added: {error}")
            return redirect("evals:contender-found")
        except ModelsRefusedError as error:
            return render(request, "evals/catalog/contender_found.html", _survey_context(seen, error.errors, request))
    seen = survey(except_port=own_port)
    part = "evals/catalog/_contender_found.html" if request.htmx else "evals/catalog/contender_found.html"
    return render(request, part, _survey_context(seen, {}, request))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def provider_models(request: HttpRequest, slug: str) -> HttpResponse:
    """GET asks the provider for its list, `?q=` narrows it; POST makes contenders of the models chosen."""
    from evals.collection.listing.asking import models_of, note_on, why_no_list  # noqa: PLC0415
    from evals.collection.providers import ProviderError  # noqa: PLC0415
    from evals.collection.queries.failures import advice  # noqa: PLC0415

    provider = get_object_or_404(Provider.objects.exclude(kind=Provider.Kind.IMPORTED), slug=slug)
    query = request.GET.get("q", "").strip()[:200]
    context: dict[str, Any] = {"provider": provider, "query": query, "note": note_on(provider.base_url)}
    if words := why_no_list(provider.kind):
        return render(request, "evals/catalog/provider_models.html", context | {"no_list": words})
    names = frozenset(request.POST.getlist("model")[:SHOWN]) if request.method == "POST" else None
    errors: dict[str, str] = {}
    try:
        listing = models_of(provider, only=names)
    except ProviderError as error:
        # The provider's own limits are for answers.
        slow = error.category in (ErrorCategory.TIMEOUT_FIRST_TOKEN, ErrorCategory.TIMEOUT_TOTAL)
        failure = {
            "label": str(error.category.label),
            "advice": _SLOW_LIST
            if slow
            else advice(error.category, retrying=False, next_try_at=None, paused_until=None),
            "detail": error.detail,
        }
        return render(request, "evals/catalog/provider_models.html", context | {"failure": failure})
    if request.method == "POST":
        try:
            return _added(request, add_found(provider=provider, chosen=_chosen(request.POST, listing.models)))
        except ModelsRefusedError as error:
            errors = error.errors
    # What was refused is in sight, wherever it stands in the list.
    matching = [one for one in listing.models if _matches(one, query) or one.model_name in errors]
    matching.sort(key=lambda one: one.model_name not in (names or ()))
    context |= {
        "listing": listing,
        "total": len(listing.models),
        "rows": _rows(offers(matching[:SHOWN], provider), errors, request.POST),
        "matching": len(matching),
        "errors": errors,
    }
    return render(request, "evals/catalog/provider_models.html", context)


def _matches(model: FoundModel, query: str) -> bool:
    return all(word in f"{model.model_name} {model.title}".lower() for word in query.lower().split())


def _chosen(posted: QueryDict, models: tuple[FoundModel, ...]) -> list[ChosenModel]:
    """Those that the server lists at this moment: what it says of them comes from it, not from the browser."""
    wanted = set(posted.getlist("model")[:SHOWN])
    return [ChosenModel(one, posted.get(f"slug:{one.model_name}", "")) for one in models if one.model_name in wanted]


def _rows(found: list[Offer], errors: dict[str, str], posted: QueryDict) -> list[dict[str, Any]]:
    chosen = set(posted.getlist("model"))
    return [
        {
            "model": one.model,
            "contender": one.contender,
            "slug": posted.get(f"slug:{one.model.model_name}", one.model.slug),
            "error": errors.get(one.model.model_name, ""),
            "checked": one.model.model_name in chosen,
        }
        for one in found
    ]


def _survey_context(seen: Any, errors: dict[str, str], request: HttpRequest) -> dict[str, Any]:
    servers = []
    for server in seen.found:
        provider = provider_at(server.fields.base_url)
        models = sorted(server.listing.models, key=lambda one: one.model_name not in errors)
        found = offers(models[:SHOWN], provider)
        rows = _rows(found, errors, request.POST)
        servers.append(
            {
                "place": str(server.place),
                "name": provider.name if provider else server.fields.name,
                "provider": provider,
                "base_url": server.fields.base_url,
                "listing": server.listing,
                "total": len(server.listing.models),
                "rows": rows,
                "first": rows[:_IN_SIGHT],
                "more": rows[_IN_SIGHT:],
                "new": sum(row["contender"] is None for row in rows),
            }
        )
    return {"seen": seen, "servers": servers, "errors": errors}


def _added(request: HttpRequest, added: AddedModels) -> HttpResponse:
    new, known = [one.slug for one in added.created], [one.slug for one in added.existing]
    if new:
        what = listed(new) if len(new) <= _NAMED else count(len(new), "contender")
        words = f"{what} added at {added.provider.name}."
        taken = [f"{old} is taken, so the new one is {name}" for old, name in added.renamed[:_NAMED]]
        if len(added.renamed) > _NAMED:
            taken.append(f"{len(added.renamed) - _NAMED} more got another name for the same reason")
        messages.success(request, " ".join([words, *(f"{one}." for one in taken)]))
    elif known:
        messages.success(request, "Nothing was added: there are contenders of these models already.")
    else:
        messages.error(request, "Nothing was added: choose at least one model.")
    return redirect("evals:contender-list")
