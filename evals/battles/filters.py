"""The filters of the battles browser, from an address, a command or a request of the API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from arena.ui.wording import did_you_mean
from evals.battles.queries import Filters, Verdict
from evals.models import Category, Contender, Reason, Reviewer

__all__ = ["NAMES", "VERDICTS", "ReadFilters", "read_filters"]

NAMES = ("category", "a", "b", "outcome", "reviewer", "disagreement", "reason")
VERDICTS: dict[Verdict, str] = {
    "": "any",
    "decided": "one is better",
    "a": "A is better",
    "b": "B is better",
    "tie": "equally good",
    "both_bad": "both bad",
}
_MOST_DIGITS = 18


@dataclass
class ReadFilters:
    """`errors` by the name of the parameter; `filters` holds what could be read."""

    filters: Filters = field(default_factory=Filters)
    errors: dict[str, str] = field(default_factory=dict)


def read_filters(given: Mapping[str, str], *, hidden: Collection[str] = ()) -> ReadFilters:
    """At most five queries. A name that is not known is an error, never everything."""
    errors: dict[str, str] = {}
    category = _category(given.get("category", ""), errors)
    a = _contender("a", given.get("a", ""), errors)
    b = _contender("b", given.get("b", ""), errors)
    verdict = _verdict(given.get("outcome", ""), errors)
    if a is None and b is not None:
        a, b = b, None
        verdict = {"a": "b", "b": "a"}.get(verdict, verdict)  # type: ignore[assignment]
    elif a is not None and a == b:
        errors["b"] = "The same as contender A: choose another one, or none."
        b = None
    if verdict in ("a", "b") and a is None:
        errors.setdefault("outcome", "Name contender A or B first: this asks which of them is better.")
        verdict = ""
    disagreement = given.get("disagreement", "")
    if disagreement not in ("", "0", "1"):
        errors["disagreement"] = f"“{disagreement[:40]}” is not 1 or 0."
    filters = Filters(
        category=category,
        a=a,
        b=b,
        verdict=verdict,
        reviewer=_reviewer(given.get("reviewer", ""), errors),
        disagreement=disagreement == "1",
        reason=_reason(given.get("reason", ""), errors),
        hidden=hidden,
    )
    return ReadFilters(filters, errors)


def _category(slug: str, errors: dict[str, str]) -> Category | None:
    if not slug:
        return None
    found = Category.with_dimensions.filter(slug=slug).first()
    if found is None:
        known = list(Category.with_dimensions.values_list("slug", flat=True)[:500])
        errors["category"] = f"There is no category “{slug[:80]}”. {did_you_mean(slug, known)}".strip()
    return found


def _contender(name: str, slug: str, errors: dict[str, str]) -> Contender | None:
    if not slug:
        return None
    found = Contender.objects.filter(slug=slug).first()
    if found is None:
        known = list(Contender.objects.values_list("slug", flat=True)[:500])
        errors[name] = f"There is no contender “{slug[:80]}”. {did_you_mean(slug, known)}".strip()
    return found


def _verdict(written: str, errors: dict[str, str]) -> Verdict:
    for verdict in VERDICTS:
        if written == verdict:
            return verdict
    errors["outcome"] = f"“{written[:40]}” is not an outcome. Use {', '.join(filter(None, VERDICTS))}."
    return ""


def _number(name: str, written: str, errors: dict[str, str]) -> int | None:
    if written.isascii() and written.isdecimal() and len(written) <= _MOST_DIGITS:
        return int(written)
    errors[name] = f"“{written[:40]}” is not the number of a {name}."
    return None


def _reviewer(written: str, errors: dict[str, str]) -> Reviewer | None:
    number = _number("reviewer", written, errors) if written else None
    found = Reviewer.objects.filter(pk=number).first() if number is not None else None
    if number is not None and found is None:
        errors["reviewer"] = f"There is no reviewer {number}."
    return found


def _reason(written: str, errors: dict[str, str]) -> Reason | None:
    number = _number("reason", written, errors) if written else None
    found = Reason.objects.filter(pk=number).first() if number is not None else None
    if number is not None and found is None:
        errors["reason"] = f"There is no reason {number}."
    return found
