"""Contenders made of models that a server lists, and the provider of a server that was found on this machine. A second
press of the same button makes nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.db.models import Q

from arena.errors import FieldError
from evals.catalog.found import FoundModel
from evals.catalog.names import is_reserved
from evals.catalog.services.contenders import ContenderFields, save_contender
from evals.catalog.services.providers import ProviderFields, check_provider, origin, store_provider
from evals.models import Contender, Provider

__all__ = ["AddedModels", "ChosenModel", "ModelsRefusedError", "add_found", "add_found_server", "provider_at"]

# How often two that make the same provider at once look again.
_TRIES = 3


@dataclass(frozen=True)
class ChosenModel:
    """`slug` as typed; empty, or the model's own, for one that may be changed if it is taken."""

    model: FoundModel
    slug: str = ""


@dataclass(frozen=True)
class AddedModels:
    """`renamed` holds the slug that was taken and the one used in its place."""

    provider: Provider
    created: tuple[Contender, ...]
    existing: tuple[Contender, ...]
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass
class ModelsRefusedError(Exception):
    """Nothing was made. `errors` says why, by the model's name."""

    errors: dict[str, str] = field(default_factory=dict)


@transaction.atomic
def add_found(*, provider: Provider, chosen: Sequence[ChosenModel]) -> AddedModels:
    """A contender for each chosen model that has none at this provider: all or, with ModelsRefusedError, none."""
    # Locked: two presses at once make one contender of a model, not two.
    provider = Provider.objects.select_for_update().get(pk=provider.pk)
    names = {one.model.model_name for one in chosen}
    known = {one.model_name: one for one in provider.contenders.filter(model_name__in=names).order_by("-revision")}
    created: dict[str, Contender] = {}
    renamed: list[tuple[str, str]] = []
    errors: dict[str, str] = {}
    for one in chosen:
        model, name = one.model, one.model.model_name
        if name in known or name in created:
            continue
        typed = one.slug.strip()
        slug = typed if typed and typed != model.slug else _free_slug(model.slug, provider)
        if not typed or typed == model.slug:
            renamed += [(model.slug, slug)] if slug != model.slug else []
        try:
            created[name] = save_contender(slug=slug, fields=_fields(model, provider)).contender
        except FieldError as error:
            errors[name] = str(error)
    if errors:
        raise ModelsRefusedError(errors)
    return AddedModels(provider, tuple(created.values()), tuple(known.values()), tuple(renamed))


def add_found_server(*, slug: str, fields: ProviderFields, chosen: Sequence[ChosenModel]) -> AddedModels:
    """The same at a server that was found: its provider is made first, unless there is one at this address. `slug` may
    be changed if it is taken."""
    if provider_at(fields.base_url) is None:
        check_provider(slug=slug, fields=fields)
    for left in reversed(range(_TRIES)):
        try:
            with transaction.atomic():
                provider = provider_at(fields.base_url)
                if provider is None:
                    provider = store_provider(slug=_free_provider_slug(slug), fields=fields)
                return add_found(provider=provider, chosen=chosen)
        except IntegrityError:
            # Somebody else made it just now: the next look finds it.
            if not left:
                raise
    raise AssertionError("unreachable")


def provider_at(base_url: str) -> Provider | None:
    """The provider at this host and port, the oldest if there are several. This machine has several names."""
    wanted = _place(base_url)
    providers = Provider.objects.exclude(kind=Provider.Kind.IMPORTED).order_by("pk")
    return next((one for one in providers if _place(one.base_url) == wanted), None)


def _place(base_url: str) -> str:
    try:
        place = origin(base_url)
    except ValueError:
        return base_url
    return place.replace("//localhost:", "//127.0.0.1:").replace("//::1:", "//127.0.0.1:")


def _fields(model: FoundModel, provider: Provider) -> ContenderFields:
    """As the form leaves them, with what the list says."""
    return ContenderFields(
        provider=provider,
        model_name=model.model_name,
        settings={},
        capabilities=model.capabilities,
        context_tokens=model.context_tokens,
        usd_per_mtok_input=model.usd_per_mtok_input,
        usd_per_mtok_output=model.usd_per_mtok_output,
    )


def _free_slug(slug: str, provider: Provider) -> str:
    at = f"{slug}-{provider.slug}"
    for candidate in (slug, at, *(f"{slug}-{n}" for n in range(2, 10_000))):
        taken = is_reserved(candidate) or Contender.objects.filter(Q(slug=candidate) | Q(family=candidate)).exists()
        if not taken and len(candidate) <= 100:
            return candidate
    return slug  # refused as taken


def _free_provider_slug(slug: str) -> str:
    known = set(Provider.objects.filter(slug__startswith=slug).values_list("slug", flat=True))
    return next(one for one in (slug, *(f"{slug}-{n}" for n in range(2, len(known) + 3))) if one not in known)
