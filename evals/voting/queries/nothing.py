"""Why there is nothing to vote on, in words for the reviewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evals.models import Ballot, Category, Reviewer
from evals.voting.queries.categories import CategoryProgress

__all__ = ["NothingToVoteOn", "battles_closed", "nothing_anywhere", "nothing_to_vote_on"]


@dataclass(frozen=True)
class NothingToVoteOn:
    """Why there is nothing to vote on, and what helps: an editor's act, or a reviewer's."""

    title: str
    words: str
    act: Literal["upload", "collect", "wait"]


def battles_closed(reviewer: Reviewer, category: Category | None = None) -> int:
    ballots = Ballot.objects.filter(reviewer=reviewer)
    if category is not None:
        ballots = ballots.filter(category=category)
    return ballots.exclude(state=Ballot.State.OPEN).count()


def nothing_to_vote_on(state: CategoryProgress, *, closed: int) -> NothingToVoteOn:
    """For a category without a battle for the reviewer; `closed` is how many battles they closed there."""
    if state.ready and closed:
        return NothingToVoteOn(_("You have seen every battle in %s") % state.name, _seen(closed), "wait")
    if not state.tasks:
        words = _("Battles come from the answers of two contenders to one task.")
        return NothingToVoteOn(_("No tasks in %s yet") % state.name, words, "upload")
    title = _("Nothing to compare in %s yet") % state.name
    tasks = _tasks(state.tasks)
    if state.contenders < 2:
        words = _("%(tasks)s, and answers by %(n)d of the 2 contenders needed. A run collects them.")
        return NothingToVoteOn(title, words % {"tasks": tasks, "n": state.contenders}, "collect")
    words = _(
        "%(tasks)s, of which %(ready)s have answers by two contenders. Equal answers, and answers that name their "
        "model, are not shown."
    )
    return NothingToVoteOn(title, words % {"tasks": tasks, "ready": f"{state.ready:,}"}, "collect")


def nothing_anywhere(states: Sequence[CategoryProgress], *, closed: int, others: bool = False) -> NothingToVoteOn:
    """As `nothing_to_vote_on`, when none of the reviewer's categories has a battle for them. `others`: there are
    categories that are not open to them."""
    if not states and others:
        words = _("Each is voted on by a group of reviewers that you are not in. An editor can add you.")
        return NothingToVoteOn(_("No category is open to you"), words, "wait")
    if len(states) == 1:
        return nothing_to_vote_on(states[0], closed=closed)
    ready, tasks = sum(state.ready for state in states), sum(state.tasks for state in states)
    if ready and closed:
        return NothingToVoteOn(_("You have seen every battle"), _seen(closed), "wait")
    if not tasks:
        words = _("Battles come from the answers of two contenders to one task. Upload tasks, then collect answers.")
        return NothingToVoteOn(_("No tasks yet"), words, "upload")
    words = _("%(tasks)s in %(categories)d categories, of which %(ready)s have answers by two contenders.")
    filled = words % {"tasks": _tasks(tasks), "categories": len(states), "ready": f"{ready:,}"}
    return NothingToVoteOn(_("Nothing to compare yet"), filled, "collect")


def _seen(closed: int) -> str:
    so_far = ngettext("%(n)s battle so far.", "%(n)s battles so far.", closed) % {"n": f"{closed:,}"}
    more = _("New ones come with new tasks, new answers or new contenders.")
    return f"{so_far} {more}"


def _tasks(tasks: int) -> str:
    return ngettext("%(n)s task", "%(n)s tasks", tasks) % {"n": f"{tasks:,}"}
