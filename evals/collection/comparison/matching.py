"""Which contender of the earlier run is compared with which of the later one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evals.models import Contender

__all__ = ["By", "Match", "Matching", "match"]

By = Literal["slug", "family"]


@dataclass(frozen=True)
class Match:
    """A contender of either run, by primary key and slug."""

    before: int
    before_slug: str
    after: int
    after_slug: str

    @property
    def words(self) -> str:
        """`gpt-x`, or `gpt-x to gpt-x@2`."""
        if self.before_slug == self.after_slug:
            return self.before_slug
        return f"{self.before_slug} to {self.after_slug}"


@dataclass(frozen=True)
class Matching:
    """`by` what they were matched; contenders of one run alone are named. `single`: each run has one contender, and
    these two are compared though neither slug nor family is the same."""

    by: By
    matches: tuple[Match, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    single: bool = False


def match(before: Sequence[Contender], after: Sequence[Contender], by: By | None = None) -> Matching:
    """By slug, or by family, which compares revisions: the newest of each run. Without `by`, by slug if that matches
    anything, else by family."""
    if by != "family":
        found = _matching("slug", {one.slug: one for one in before}, {one.slug: one for one in after}, before, after)
        if found.matches or by == "slug":
            return found
    families = _matching("family", _newest(before), _newest(after), before, after)
    if not families.matches and len(before) == len(after) == 1:
        pair = Match(before[0].pk, before[0].slug, after[0].pk, after[0].slug)
        return Matching("family", (pair,), (), (), single=True)
    return families


def _newest(contenders: Sequence[Contender]) -> dict[str, Contender]:
    return {one.family: one for one in sorted(contenders, key=lambda one: one.revision)}


def _matching(
    by: By,
    before: dict[str, Contender],
    after: dict[str, Contender],
    all_before: Sequence[Contender],
    all_after: Sequence[Contender],
) -> Matching:
    common = sorted(before.keys() & after.keys())
    matches = tuple(Match(before[name].pk, before[name].slug, after[name].pk, after[name].slug) for name in common)
    used_before, used_after = {one.before for one in matches}, {one.after for one in matches}
    return Matching(
        by=by,
        matches=matches,
        only_before=tuple(sorted(one.slug for one in all_before if one.pk not in used_before)),
        only_after=tuple(sorted(one.slug for one in all_after if one.pk not in used_after)),
    )
