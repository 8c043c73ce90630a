"""Pinning a category's route, and lifting a pin: what it would change is shown first, and a reason is asked for."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from arena.accounts.roles import person, role_required
from arena.models import Role
from evals.catalog.queries.categories import category_cards
from evals.catalog.queries.contenders import contender_cards
from routing.policy import queries, services
from routing.policy.forms import PinForm
from routing.policy.parse import PolicyError, default_document, parse
from routing.policy.pins import PinError, main_route, pinned, pins, unpinned
from routing.policy.references import notices
from routing.publishing import publisher
from routing.publishing import queries as publishing_queries
from routing.publishing.page import preview_context
from routing.publishing.summaries import publication_notice, unpin_notice


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def pin(request: HttpRequest, slug: str) -> HttpResponse:
    """GET asks for a contender; with `?contender=` it shows what the pin would change. POST pins."""
    return _page(request, slug, lift=False)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.EDITOR)
def unpin(request: HttpRequest, slug: str) -> HttpResponse:
    return _page(request, slug, lift=True)


def _page(request: HttpRequest, slug: str, *, lift: bool) -> HttpResponse:
    titles = {card.slug: card.name for card in category_cards()}
    if slug not in titles:
        raise Http404(f"There is no category {slug} in use.")
    now = queries.policy()
    document = now.document if now else default_document()
    terms = parse(document)
    there, rules = pins(terms, slug), terms.rules(slug)
    if lift and not there:
        messages.info(request, f"Nothing is pinned in {slug}.")
        return redirect("routing:category", slug)
    names = list(there) if lift else [one.name for one in rules.routes]
    main = main_route(rules)
    form = PinForm(
        _typed(request, asks=lift and len(names) == 1),
        needed=request.method == "POST",
        contenders=[] if lift else [card.slug for card in contender_cards(retired=False)],
        routes=[(name, f"{slug}-{name}" if name else slug) for name in sorted(names, key=lambda name: name != main)],
    )
    context: dict[str, Any] = {
        "form": form,
        "slug": slug,
        "name": titles[slug],
        "lift": lift,
        "several": len(names) > 1,
        "pins": [(f"{slug}-{name}" if name else slug, contender) for name, contender in there.items()],
        "base": now.version if now else 0,
        "frozen": publishing_queries.frozen(),
        "stays": unpin_notice(slug, _lifted(form, there)) if lift else "",
    }
    if form.is_bound and (form.is_valid() or set(form.errors) <= {"reason"}):
        answer = _judged(request, form, slug, document, titles, context)
        if answer is not None:
            return answer
    form.fields["reason"].required = True  # to pin; not to look
    return render(request, "routing/policy/pin.html", context)


def _typed(request: HttpRequest, *, asks: bool) -> QueryDict | None:
    """What was chosen; an empty choice where there is nothing to choose; None: nothing is asked yet."""
    data = request.POST if request.method == "POST" else request.GET
    return data if data or asks or request.method == "POST" else None


def _lifted(form: PinForm, there: dict[str, str]) -> list[str]:
    """Whose pins are lifted: the chosen route's, or while none is chosen any."""
    chosen = form.data.get("route") if form.is_bound else None
    return [there[chosen]] if chosen in there else list(there.values())


def _judged(
    request: HttpRequest, form: PinForm, slug: str, document: Any, titles: dict[str, str], context: dict[str, Any]
) -> HttpResponse | None:
    """Saves what was posted with a reason; else fills `context` with what would come of it, or the form with errors."""
    given = form.cleaned_data
    # The unnamed route's name is empty: what was not sent is told from it.
    asked: dict[str, Any] = {"category": slug, "route": given["route"] if "route" in form.data else None}
    if not context["lift"]:
        asked["contender"] = given["contender"]
    try:
        if request.method == "POST" and form.is_valid():
            act = services.unpin if context["lift"] else services.pin
            made = act(**asked, reason=given["reason"], actor=person(request), base=given["base"])
            return _done(request, made.version, context)
        edited = (unpinned if context["lift"] else pinned)(document, **asked)
        seen = preview_context(publisher.preview_policy(document=edited), titles)
        outcomes = [one for one in seen["outcomes"] if one.slug == slug]
        context |= seen | {
            "outcomes": outcomes,
            "everything_else": [],
            "notices": notices(parse(edited)),
            "asked": asked,
        }
    except PinError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
    except PolicyError as error:
        for one in error.errors:
            form.add_error(None, str(one))
    except services.PolicyConflictError as error:
        messages.warning(request, str(error))
        chosen = QueryDict(mutable=True)
        chosen.update({name: value for name, value in asked.items() if value is not None and name != "category"})
        return redirect(f"{request.path}?{chosen.urlencode()}")
    return None


def _done(request: HttpRequest, version: int, context: dict[str, Any]) -> HttpResponse:
    if version == context["base"]:
        messages.info(request, f"So it is already, by policy {version}.")
    else:
        did = "lifts the pin of" if context["lift"] else "pins"
        message = f"Policy {version} {did} {context['name']}. {publication_notice()} {context['stays']}"
        messages.success(request, message.strip())
    return redirect(reverse("routing:category", args=[context["slug"]]))
