"""Reads of providers and contenders."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Lower

from evals.catalog.cards import ContenderCard
from evals.models import Contender, ContenderVotes, Provider, TaskSetVersion

__all__ = [
    "AskedByDefault",
    "ContenderCard",
    "ProviderCard",
    "VoteCounts",
    "askable_contenders",
    "asked_by_default",
    "contender_card",
    "contender_cards",
    "provider_card",
    "provider_cards",
    "votes_by_contender",
]


@dataclass(frozen=True, kw_only=True)
class ProviderCard:
    slug: str
    name: str
    kind: str
    base_url: str
    locality: str
    key: Literal["stored", "environment", "none"]
    api_key_env: str
    max_concurrency: int
    requests_per_minute: int | None
    tokens_per_minute: int | None
    first_token_timeout_s: float
    total_timeout_s: float
    paused_until: datetime | None
    contenders: int

    @property
    def askable(self) -> bool:
        return self.kind != Provider.Kind.IMPORTED

    @property
    def api(self) -> str:
        return str(Provider.Kind(self.kind).label)


@dataclass(frozen=True)
class AskedByDefault:
    """`kept_out` are hosted, and would be asked if the task set were not local_only."""

    contenders: tuple[Contender, ...]
    kept_out: tuple[Contender, ...]

    @property
    def problem(self) -> str:
        """Why no contender can be asked, and what to do about it; empty if one can."""
        if self.contenders:
            return ""
        if self.kept_out:
            hosted = ", ".join(one.slug for one in self.kept_out)
            return f"The task set is local_only, and all askable contenders are hosted: {hosted}. Add a local one."
        return "There is no contender that may be asked. Add one on /contenders/, or import_contenders."


def contender_cards(*, retired: bool = True, slugs: tuple[str, ...] | None = None) -> list[ContenderCard]:
    """By family and revision. `retired=False` leaves the retired out. One query."""
    contenders = Contender.objects.select_related("provider").order_by(Lower("family"), "revision")
    if not retired:
        contenders = contenders.filter(retired_at=None)
    if slugs is not None:
        contenders = contenders.filter(slug__in=slugs)
    return [contender_card(one) for one in contenders]


def askable_contenders() -> QuerySet[Contender]:
    """Contenders that a run can ask: not retired, and not known only from imported outputs. By family and revision."""
    active = Contender.objects.select_related("provider").filter(retired_at=None)
    return active.exclude(provider__kind=Provider.Kind.IMPORTED).order_by("family", "revision")


def asked_by_default(version: TaskSetVersion) -> AskedByDefault:
    """The contenders that a run of `version` asks when none is named: the newest askable revision of each family. One
    query; reads `version.task_set`."""
    newest = tuple({one.family: one for one in askable_contenders()}.values())
    if not version.task_set.local_only:
        return AskedByDefault(newest, ())
    hosted = tuple(one for one in newest if one.provider.locality == Provider.Locality.HOSTED)
    return AskedByDefault(tuple(one for one in newest if one not in hosted), hosted)


def contender_card(contender: Contender) -> ContenderCard:
    """Reads `contender.provider`, which should be selected with the contender."""
    provider = contender.provider
    frozen = contender.used_at is not None
    return ContenderCard(
        id=contender.pk,
        slug=contender.slug,
        family=contender.family,
        revision=contender.revision,
        provider=provider.slug,
        provider_name=provider.name,
        kind=contender.kind if frozen else provider.kind,
        base_url=contender.base_url if frozen else provider.base_url,
        locality=provider.locality,
        model_name=contender.model_name,
        settings=contender.settings,
        tier=contender.tier,
        capabilities=tuple(contender.capabilities),
        context_tokens=contender.context_tokens,
        usd_per_mtok_input=contender.usd_per_mtok_input,
        usd_per_mtok_output=contender.usd_per_mtok_output,
        used_at=contender.used_at,
        retired_at=contender.retired_at,
        usd_per_mtok_cached_input=contender.usd_per_mtok_cached_input,
        usd_per_mtok_cache_write=contender.usd_per_mtok_cache_write,
        usd_per_mtok_reasoning=contender.usd_per_mtok_reasoning,
        price_source=contender.price_source,
        priced_at=contender.priced_at,
    )


@dataclass(frozen=True)
class VoteCounts:
    """Votes that count, and those of them that compare two answers."""

    votes: int = 0
    compared: int = 0


def votes_by_contender(*, without: Collection[str] = ()) -> dict[int, VoteCounts]:
    """Effective votes that each contender took part in, by its id, but for those in the categories `without`, by slug,
    and in rubrics' dimensions. One query, of a row a contender and category."""
    kept = ContenderVotes.objects.filter(category__dimension_of__isnull=True).exclude(category__slug__in=without)
    rows = kept.order_by().values_list("contender_id").annotate(n=Sum("votes"), bad=Sum("both_bad"))
    return {contender: VoteCounts(votes, votes - bad) for contender, votes, bad in rows if votes}


def provider_cards() -> list[ProviderCard]:
    """By slug, imported ones last. One query."""
    active = Count("contenders", filter=Q(contenders__retired_at=None))
    providers = Provider.objects.annotate(active=active).order_by("slug")
    cards = [provider_card(one, contenders=one.active) for one in providers]
    return sorted(cards, key=lambda card: not card.askable)


def provider_card(provider: Provider, *, contenders: int = 0) -> ProviderCard:
    """Says whether there is a key, never the key itself. No query."""
    return ProviderCard(
        slug=provider.slug,
        name=provider.name,
        kind=provider.kind,
        base_url=provider.base_url,
        locality=provider.locality,
        key="stored" if provider.api_key_encrypted else "environment" if provider.api_key_env else "none",
        api_key_env=provider.api_key_env,
        max_concurrency=provider.max_concurrency,
        requests_per_minute=provider.requests_per_minute,
        tokens_per_minute=provider.tokens_per_minute,
        first_token_timeout_s=provider.first_token_timeout_s,
        total_timeout_s=provider.total_timeout_s,
        paused_until=provider.paused_until,
        contenders=contenders,
    )
