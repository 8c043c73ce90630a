"""Starts a bake-off: asks the provider for its list, makes contenders of the models that join, and starts the run.

The provider is asked before the transaction; contenders, run and round are written in one. So a chore that is killed
leaves nothing half done, and one that comes again with the same `due` finds the round and starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max

from evals.bake_offs.rules import Choice, KeptOut, Newcomer, Rule, choose
from evals.catalog.found import FoundModel
from evals.catalog.price_list import Price, listed_price
from evals.catalog.queries.contenders import asked_by_default, contender_card
from evals.catalog.services.found import ChosenModel, ModelsRefusedError, add_found
from evals.collection.listing.asking import models_of
from evals.collection.providers import ProviderError
from evals.collection.services import RunError, start_run, suite_of
from evals.models import BakeOff, BakeOffRound, Contender, Provider, Run, Task, TaskSetVersion
from evals.models.contenders import VISION

__all__ = ["MOST_KEPT_OUT", "Started", "start_bake_off"]

# Models told that the rule's names let in and something else did not; the rest are counted.
MOST_KEPT_OUT = 50
_UNFINISHED = (Run.State.COLLECTING, Run.State.PAUSED)
_DETAIL = 300


@dataclass(frozen=True)
class Started:
    """`round` is None if there was nothing to start: it was started before, or rests. `reason` says what came of it."""

    round: BakeOffRound | None
    reason: str


def start_bake_off(*, task_set_id: int, due: datetime | None = None, by: str = "") -> Started:
    """Ask the task set's contenders again, and the newcomers with them. Blocks for up to 15 s where a rule names a
    provider. The caller wakes the workers on commit."""
    bake_off = BakeOff.objects.select_related("task_set", "newcomers_from").filter(task_set=task_set_id).first()
    if bake_off is None:
        return Started(None, "Not started: there is no such bake-off any more.")
    if (before := _same(bake_off, due)) is not None:
        return Started(None, f"Started before, as number {before.n}.")
    look = _Look() if _under_way(bake_off) else _look(bake_off)
    return _start(bake_off_id=bake_off.pk, due=due, by=by, look=look)


@dataclass(frozen=True)
class _Look:
    """At a provider's list. `provider` None: no rule, so none was asked. `models` None: it gave no list."""

    provider: Provider | None = None
    models: tuple[FoundModel, ...] | None = None
    cut: bool = False
    problem: str = ""


def _look(bake_off: BakeOff) -> _Look:
    provider = bake_off.newcomers_from
    if provider is None:
        return _Look()
    try:
        listing = models_of(provider)
    except ProviderError as error:
        return _Look(provider, problem=f"{error.category.label}: {error.detail}"[:_DETAIL])
    return _Look(provider, listing.models, listing.cut)


@transaction.atomic
def _start(*, bake_off_id: int, due: datetime | None, by: str, look: _Look) -> Started:
    # The row is the lock: two chores of one bake-off run one after the other.
    bake_off = BakeOff.objects.select_for_update(of=("self",)).select_related("task_set").get(pk=bake_off_id)
    if (before := _same(bake_off, due)) is not None:
        return Started(None, f"Started before, as number {before.n}.")
    facts: dict[str, Any] = {}
    run, reason = None, ""
    if (last := _under_way(bake_off)) is not None:
        why = f"paused: {last.reason}" if last.state == Run.State.PAUSED else "still collecting"
        reason = f"Not started: run {last.pk} of the same task set is {why}"
    else:
        try:
            with transaction.atomic():
                run, facts = _run(bake_off, look)
        except RunError as error:
            reason = f"Not started: {error}"
    n = (bake_off.rounds.aggregate(n=Max("n"))["n"] or 0) + 1
    made = BakeOffRound.objects.create(
        bake_off=bake_off, n=n, due=due, run=run, reason=reason[:500], facts=facts, started_by=by[:150]
    )
    return Started(made, reason or f"Number {n}: run {run and run.pk} started.")


def _same(bake_off: BakeOff, due: datetime | None) -> BakeOffRound | None:
    return bake_off.rounds.filter(due=due).first() if due is not None else None


def _under_way(bake_off: BakeOff) -> Run | None:
    runs = Run.objects.filter(version__task_set=bake_off.task_set_id).order_by("-pk")
    return runs.filter(state__in=_UNFINISHED).first()


def _run(bake_off: BakeOff, look: _Look) -> tuple[Run, dict[str, Any]]:
    """The run, and what the report needs of this moment. Raises RunError; then nothing of it is kept."""
    version = bake_off.task_set.versions.select_related("task_set").order_by("-n").first()
    if version is None:
        raise RunError("version", f"{bake_off.task_set.slug} has no version.")
    suite = _suite(bake_off, version)
    first_look = _first_look(bake_off, look)
    joined, kept_out = _join(bake_off, look, version)
    contenders = [*suite, *(contender for contender, _ in joined)]
    run = start_run(
        version=version,
        contenders=contenders,
        samples=bake_off.samples,
        fresh=True,
        budget_usd=bake_off.budget_usd,
        allow_unknown_costs=bake_off.allow_unknown_costs,
        warm_up_calls=bake_off.warm_up_calls,
    )
    asked = list(run.contenders.select_related("provider").order_by("slug"))
    return run, {
        "list": _list_facts(look, asked, first_look=first_look),
        "newcomers": [
            {"model": contender.slug, "model_name": contender.model_name, "price": _price(newcomer.price)}
            for contender, newcomer in joined
        ],
        "kept_out": [asdict(one) for one in kept_out[:MOST_KEPT_OUT]],
        "kept_out_more": max(0, len(kept_out) - MOST_KEPT_OUT),
        "prices": {one.slug: _price(contender_card(one).price) for one in asked},
    }


def _suite(bake_off: BakeOff, version: TaskSetVersion) -> Sequence[Contender]:
    if bake_off.contenders == BakeOff.Contenders.SAME:
        runs = Run.objects.filter(version__task_set=bake_off.task_set).order_by("-pk")
        last = runs.filter(bake_off_round__bake_off=bake_off).first() or runs.first()
        if last is not None:
            return suite_of(last)
    default = asked_by_default(version)
    if default.problem:
        raise RunError("contenders", default.problem)
    return default.contenders


def _join(
    bake_off: BakeOff, look: _Look, version: TaskSetVersion
) -> tuple[list[tuple[Contender, Newcomer]], list[KeptOut]]:
    """The contenders made for models that join, and those that were kept out."""
    if look.provider is None or look.models is None:
        return [], []
    if _first_look(bake_off, look):
        BakeOff.objects.filter(pk=bake_off.pk).update(known_models=[one.model_name for one in look.models])
        return [], []
    provider, known = look.provider, set(look.provider.contenders.values_list("model_name", flat=True))
    if bake_off.only_newly_listed:
        known |= set(bake_off.known_models or ())
    choice = _choice(bake_off, provider, look.models, known, version)
    made, refused = _added(provider, choice.joining)
    return made, [*refused, *choice.kept_out]


def _first_look(bake_off: BakeOff, look: _Look) -> bool:
    """Models that are listed already are not new; those listed from now on are."""
    return bake_off.only_newly_listed and bake_off.known_models is None and look.models is not None


def _choice(
    bake_off: BakeOff, provider: Provider, models: Iterable[FoundModel], known: set[str], version: TaskSetVersion
) -> Choice:
    local = provider.locality == Provider.Locality.LOCAL
    tasks = Task.objects.filter(items__version=version)
    stays = version.task_set.local_only or tasks.filter(local_only=True).exists()
    with_images = tasks.exclude(images=[]).exists()

    def unfit(model: FoundModel) -> str:
        if stays and not local:
            return "The tasks stay on your own machines, and it is hosted."
        if with_images and VISION not in model.capabilities:
            return "Tasks have images, and its provider does not say that it takes them."
        return ""

    no_limit = bake_off.most_usd_input is None and bake_off.most_usd_output is None
    counts_known_only = bake_off.budget_usd is None or bake_off.allow_unknown_costs
    rule = Rule(
        include=bake_off.include,
        exclude=bake_off.exclude,
        most_usd_input=bake_off.most_usd_input,
        most_usd_output=bake_off.most_usd_output,
        most=bake_off.most_newcomers,
        unknown_price_joins=local and no_limit and counts_known_only,
    )
    return choose(models, rule=rule, known=known, price_of=lambda one: _price_of(one, provider), unfit=unfit)


def _added(provider: Provider, joining: Sequence[Newcomer]) -> tuple[list[tuple[Contender, Newcomer]], list[KeptOut]]:
    """One that cannot become a contender is kept out and does not keep out the others."""
    refused: dict[str, str] = {}
    while True:
        chosen = [one for one in joining if one.model.model_name not in refused]
        try:
            with transaction.atomic():
                added = add_found(provider=provider, chosen=[ChosenModel(one.model) for one in chosen])
            break
        except ModelsRefusedError as error:
            refused |= error.errors
    of = {one.model.model_name: one for one in chosen}
    made = [(contender, of[contender.model_name]) for contender in added.created]
    return made, [KeptOut(name, why[:_DETAIL]) for name, why in refused.items()]


def _price_of(model: FoundModel, provider: Provider) -> Price | None:
    """The list's own, else the public list's. Half a price is none."""
    if model.usd_per_mtok_input is None or model.usd_per_mtok_output is None:
        return listed_price(provider.base_url, model.model_name)
    return Price(
        input=model.usd_per_mtok_input,
        output=model.usd_per_mtok_output,
        source="provider",
        where=f"the list of {provider.slug}",
        as_of=datetime.now(UTC).date(),
    )


def _list_facts(look: _Look, asked: Sequence[Contender], *, first_look: bool) -> dict[str, Any] | None:
    if look.provider is None:
        return None
    found = {one.model_name: one for one in look.models or ()}
    whole = look.models is not None and not look.cut
    own = [one for one in asked if one.provider_id == look.provider.pk]
    priced = {
        one.slug: _price(_price_of(found[one.model_name], look.provider))
        for one in own
        if one.model_name in found and found[one.model_name].usd_per_mtok_input is not None
    }
    return {
        "provider": look.provider.slug,
        "models": None if look.models is None else len(look.models),
        "problem": look.problem,
        "cut": look.cut,
        "first_look": first_look,
        # A list that was cut does not say what is gone.
        "gone": [one.slug for one in own if one.model_name not in found] if whole else [],
        "prices": priced,
    }


def _price(price: Price | None) -> dict[str, Any] | None:
    if price is None:
        return None

    def number(value: Decimal | None) -> float | None:
        return None if value is None else float(value)

    return {
        "input": number(price.input),
        "output": number(price.output),
        "cached_input": number(price.cached_input),
        "cache_write": number(price.cache_write),
        "reasoning": number(price.reasoning),
        "source": price.source,
        "where": price.where,
        "as_of": price.as_of.isoformat() if price.as_of else None,
    }
