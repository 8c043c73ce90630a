"""Setting bake-offs up, and who gets their reports by e-mail.

django-q2 would call any function that a schedule's row names, so no row takes its function from a person: admins choose
from a closed list of intervals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from arena.errors import FieldError
from arena.models import Role, User
from evals.bake_offs.rules import MOST_AT_A_TIME, MOST_PATTERNS, patterns
from evals.collection.schedules import BAKE_OFF, EVERY
from evals.collection.services import MOST_SAMPLES, check_budget, check_warm_up_calls
from evals.models import BakeOff, BakeOffSubscription, Provider, TaskSet

__all__ = [
    "DUE",
    "BakeOffFields",
    "remove",
    "save_bake_off",
    "schedule_of",
    "start_now",
    "subscribe",
    "unsubscribe",
]

# By this name the chore is told for when it was due, so that one that comes twice starts one run.
DUE = "due"
_DEAREST = 1_000_000
_PATTERNS_LENGTH = BakeOff._meta.get_field("include").max_length or 0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class BakeOffFields:
    """What an admin sets. Prices are limits in USD per million tokens; None: no limit."""

    contenders: str = BakeOff.Contenders.SAME
    samples: int = 1
    budget_usd: Decimal | None = None
    allow_unknown_costs: bool = False
    warm_up_calls: int | None = None
    newcomers_from: Provider | None = None
    include: str = ""
    exclude: str = ""
    most_usd_input: Decimal | None = None
    most_usd_output: Decimal | None = None
    most_newcomers: int = 3
    only_newly_listed: bool = True


def schedule_of(bake_off: BakeOff) -> Schedule | None:
    return _schedules(bake_off.task_set_id).first()


@transaction.atomic
def save_bake_off(
    *, task_set: TaskSet, fields: BakeOffFields, every: str, actor: str, first_at: datetime | None = None
) -> BakeOff:
    """Set up the bake-off of a task set, or change it: there is one for each. `first_at` None: now if it was not
    scheduled before, else as it was. Raises FieldError."""
    fields = replace(fields, include=_patterns("include", fields), exclude=_patterns("exclude", fields))
    _check(task_set, fields, every)
    row, _ = BakeOff.objects.select_for_update().get_or_create(task_set=task_set)
    same_rule = (row.newcomers_from_id, row.only_newly_listed) == (
        fields.newcomers_from and fields.newcomers_from.pk,
        fields.only_newly_listed,
    )
    for name, value in vars(fields).items():
        setattr(row, name, value)
    if not same_rule:
        row.known_models = None
    row.saved_by, row.saved_at = actor[:150], timezone.now()
    row.save()
    wanted = {"name": f"Bake-off of {task_set.slug}"[:100], "schedule_type": every, "repeats": -1}
    wanted |= {"intended_date_kwarg": DUE} | ({"next_run": first_at} if first_at else {})
    if not _schedules(task_set.pk).update(**wanted):
        Schedule.objects.create(func=BAKE_OFF, args=f"{task_set.pk},", **{"next_run": timezone.now()} | wanted)
    log.info("bake_off_saved", task_set=task_set.slug, every=every, actor=actor)
    return row


@transaction.atomic
def remove(*, task_set: TaskSet, actor: str) -> bool:
    """It starts no more; its rounds and reports stay. False if it was not scheduled."""
    deleted, _ = _schedules(task_set.pk).delete()
    if deleted:
        log.info("bake_off_removed", task_set=task_set.slug, actor=actor)
    return bool(deleted)


@transaction.atomic
def start_now(*, bake_off: BakeOff, asked_at: datetime, actor: str) -> None:
    """Have a chore start it, beside its schedule. `asked_at` names the asking: the same again starts nothing more."""
    async_task(BAKE_OFF, bake_off.task_set_id, **{DUE: asked_at.isoformat()}, by=actor[:150])
    log.info("bake_off_asked_for", task_set=bake_off.task_set.slug, actor=actor)


@transaction.atomic
def subscribe(*, user: User, address: str) -> None:
    """Reports go to this address from now on. Raises FieldError."""
    address = address.strip()
    try:
        validate_email(address)
    except ValidationError:
        raise FieldError(
            "address", f"“{address[:60]}” is not an e-mail address. Write one, as you@example.com."
        ) from None
    if len(address) > 254:
        raise FieldError("address", "An e-mail address has at most 254 characters.")
    if not user.may(Role.ADMIN):
        raise FieldError("address", "Reports go to admins.")
    BakeOffSubscription.objects.update_or_create(user=user, defaults={"address": address})


@transaction.atomic
def unsubscribe(*, user: User) -> bool:
    deleted, _ = BakeOffSubscription.objects.filter(user=user).delete()
    return bool(deleted)


def _schedules(task_set_id: int) -> Any:
    return Schedule.objects.filter(func=BAKE_OFF, args=f"{task_set_id},")


def _patterns(name: str, fields: BakeOffFields) -> str:
    text = ", ".join(patterns(getattr(fields, name)))
    if not text.isprintable():
        raise FieldError(name, "Names of models have printable characters only.")
    if len(text) > _PATTERNS_LENGTH or len(patterns(text)) > MOST_PATTERNS:
        raise FieldError(name, f"Use up to {MOST_PATTERNS} patterns with {_PATTERNS_LENGTH} characters together.")
    return text


def _check(task_set: TaskSet, fields: BakeOffFields, every: str) -> None:
    if every not in EVERY:
        raise FieldError("every", f"{every!r} is not known. Use one of: {', '.join(EVERY.values())}.")
    if fields.contenders not in BakeOff.Contenders.values:
        known = ", ".join(BakeOff.Contenders.values)
        raise FieldError("contenders", f"{fields.contenders!r} is not known. Use one of: {known}.")
    if not 1 <= fields.samples <= MOST_SAMPLES:
        raise FieldError("samples", f"Choose between 1 and {MOST_SAMPLES} samples of each task.")
    check_budget(fields.budget_usd)
    check_warm_up_calls(fields.warm_up_calls)
    if fields.newcomers_from is not None:
        _check_rule(task_set, fields, fields.newcomers_from)


def _check_rule(task_set: TaskSet, fields: BakeOffFields, provider: Provider) -> None:
    # With the first rule: it brings httpx along, which most requests do not need.
    from evals.collection.listing.asking import why_no_list  # noqa: PLC0415

    if words := why_no_list(provider.kind):
        raise FieldError("newcomers_from", f"{provider.slug} has no list of models to look at. {words}")
    hosted = provider.locality == Provider.Locality.HOSTED
    if hosted and task_set.local_only:
        raise FieldError(
            "newcomers_from",
            f"Task set {task_set.slug} is local_only and stays on your own machines, but {provider.slug} is hosted.",
        )
    for name in ("most_usd_input", "most_usd_output"):
        price = getattr(fields, name)
        if price is None and hosted:
            raise FieldError(name, f"{provider.slug} is hosted: say up to which price its new models may join.")
        if price is not None and not 0 <= price < _DEAREST:
            raise FieldError(name, f"A price is 0 or more, and less than ${_DEAREST:,} for a million tokens.")
    if not 1 <= fields.most_newcomers <= MOST_AT_A_TIME:
        raise FieldError("most_newcomers", f"Choose between 1 and {MOST_AT_A_TIME} at a time.")
