"""What is kept from reviewers: whatever moves with the votes and names contenders.

A vote counts seconds after it was cast, and a count that moves then tells which of two contenders wrote which answer.
The vote itself is final by then, but the same answers are shown again in other battles, and by their words a reviewer
would know them. So for reviewers who are neither editor nor admin, every page and document about votes is closed for
the categories in which they still vote: those that are not retired and open to them. It is decided here alone; views
ask `blinding_of(request.user)`. Who only reads (viewers) and who may see names anyway (editors, admins) is kept from
nothing, and neither are tokens, which are for services.

`Category.boards_open` opens the leaderboard all the same, without the reader's own votes
(`evals.leaderboards.own_votes`), and nothing else: what publishing decided rests on all votes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from arena.models import Role, User
from evals.models import Category, Reviewer
from evals.voting.queries.categories import open_categories

__all__ = ["NOTHING_HIDDEN", "Blinding", "blinding_of", "boards_closed_to", "why_closed"]


@dataclass(frozen=True)
class Blinding:
    """Of one person: slugs of the categories they `vote_in`, rubrics' dimensions included, and of those whose board
    they may read `without_own` votes, those of `reviewer` (None: has not opened the voting page yet)."""

    vote_in: frozenset[str] = frozenset()
    without_own: frozenset[str] = frozenset()
    reviewer: Reviewer | None = None

    def hides(self, slug: str) -> bool:
        """Whether evidence of the category is kept from them: decisions, earlier leaderboards, votes by contender."""
        return slug in self.vote_in

    def closes(self, slug: str) -> bool:
        """Whether its leaderboard is, too."""
        return slug in self.vote_in and slug not in self.without_own


NOTHING_HIDDEN = Blinding()


def blinding_of(user: Any) -> Blinding:
    """Two queries for a reviewer, none for anybody else."""
    if not isinstance(user, User) or not user.is_active or user.role != Role.REVIEWER:
        return NOTHING_HIDDEN
    reviewer = Reviewer.objects.filter(user=user).first()
    if reviewer is None:
        categories = Category.objects.filter(retired_at__isnull=True, groups__isnull=True)
    else:
        categories = open_categories(reviewer)
    ids = categories.order_by().values("pk")
    rows = Category.with_dimensions.filter(Q(pk__in=ids) | Q(dimension_of__in=ids)).order_by()
    flags = list(rows.values_list("slug", "boards_open", "dimension_of__boards_open"))
    return Blinding(
        vote_in=frozenset(slug for slug, _, _ in flags),
        without_own=frozenset(slug for slug, own, of_parent in flags if (own if of_parent is None else of_parent)),
        reviewer=reviewer,
    )


def boards_closed_to(user: Any) -> frozenset[str]:
    """Slugs of the categories whose leaderboard this person may not read."""
    blinding = blinding_of(user)
    return blinding.vote_in - blinding.without_own


def why_closed(name: str) -> str:
    """For pages and the API: why, and when it opens."""
    return (
        f"You vote in {name}: figures that move with each vote would tell you who wrote which answer. They open to you "
        "once the category is retired, or if an editor opens its leaderboard to the people who vote in it."
    )
