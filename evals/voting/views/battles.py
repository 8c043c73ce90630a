"""The voting pages. Each action is a form that works without JavaScript: it posts and is redirected with a 303. For
htmx the same action returns the next battle, which replaces the last.

Nothing here may tell a reviewer's browser which model wrote which answer: addresses contain only a ballot's token,
answers go through one template, nothing is cached, and a ballot is a 404 for anyone but its owner.
"""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, push_url

from arena.accounts.roles import person, role_required
from arena.models import Role
from evals.catalog.images.serving import image_response
from evals.models import Ballot, Category, Reviewer
from evals.voting.casting import InvalidVoteError, Remarks, VotingError, cast_vote, reopen, report, skip
from evals.voting.drawing import draw, is_withdrawn, whole
from evals.voting.holding import can_be_undone
from evals.voting.queries.battles import (
    BattlePage,
    battle_page,
    battles_closed,
    choice_label,
    image_on,
    last_closed,
    nothing_to_vote_on,
    progress,
)
from evals.voting.queries.categories import category_progress, may_vote_in, progress_in
from evals.voting.reviewers import reviewer_of

__all__ = ["battle", "battle_image", "category_vote", "report_answer", "undo_vote"]

CHOICES = ("left", "right", "tie", "both_bad", "skip")


@require_safe
@never_cache
@role_required(Role.REVIEWER)
def category_vote(request: HttpRequest, category: str) -> HttpResponseBase:
    """Redirects to the reviewer's open ballot in the category, or to a new one."""
    found = get_object_or_404(Category, slug=category)
    reviewer = reviewer_of(person(request))
    if not may_vote_in(found, reviewer) and found.retired_at is None:
        raise PermissionDenied(
            f"{found.name} is voted on by a group of reviewers that you are not in. An editor can add you."
        )
    ballot = draw(category=found, reviewer=reviewer)
    if ballot is not None:
        return _see("evals:battle", ballot.token)
    context = {
        "category": found,
        "missing": nothing_to_vote_on(progress_in(found), closed=battles_closed(reviewer, found)),
        "last": last_closed(reviewer, found),
        "others": [state for state in category_progress() if state.slug != found.slug],
    }
    return render(request, "evals/voting/vote_empty.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@role_required(Role.REVIEWER)
def battle(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET shows the reviewer's own ballot; POST casts `choice`."""
    reviewer = reviewer_of(person(request))
    ballot = _own(reviewer, token)
    if request.method == "POST":
        return _cast(request, reviewer, ballot)
    if ballot.state != Ballot.State.OPEN:
        return render(
            request,
            "evals/voting/battle_closed.html",
            {"battle": battle_page(ballot), "ballot": ballot, "undoable": can_be_undone(ballot)},
        )
    if is_withdrawn(ballot):
        messages.warning(request, "That battle was withdrawn. This is the next one.")
        return _see("evals:category-vote", ballot.category.slug)
    return render(request, "evals/voting/battle.html", _desk(reviewer, ballot, battle_page(ballot)))


@require_safe
@role_required(Role.REVIEWER)
def battle_image(request: HttpRequest, token: str, place: str, n: int) -> HttpResponseBase:
    """An image of the reviewer's own ballot, as long as the ballot's page shows it. Answers' images are all of one form
    (PNG), and the response tells nothing of them but the pixels."""
    ballot = _own(reviewer_of(person(request)), token)
    if ballot.state != Ballot.State.OPEN or is_withdrawn(ballot):
        raise Http404
    return image_response(image_on(ballot, place, n))


def _cast(request: HttpRequest, reviewer: Reviewer, ballot: Ballot) -> HttpResponseBase:
    choice = request.POST.get("choice", "")
    if choice not in CHOICES:
        words = f"Not saved: {choice[:20]!r} is not a choice. Go back and use one of the five buttons."
        return HttpResponse(words, status=HTTPStatus.BAD_REQUEST, content_type="text/plain; charset=utf-8")
    try:
        if choice == "skip":
            skip(ballot=ballot, reason=request.POST.get("skip_reason", ""))
        else:
            cast_vote(ballot=ballot, choice=choice, reviewer=reviewer, remarks=_remarks(request))  # type: ignore[arg-type]  # checked above
        words = _standing(ballot, choice)
    except InvalidVoteError as error:
        return HttpResponse(
            f"Not saved: {error}", status=HTTPStatus.BAD_REQUEST, content_type="text/plain; charset=utf-8"
        )
    except VotingError as error:
        return _refused(request, ballot, error)
    return _next(request, reviewer, ballot, words)


def _remarks(request: HttpRequest) -> Remarks:
    """What the form adds to the choice; InvalidVoteError if a reason is not an id."""
    named = [reason for reason in request.POST.getlist("reason") if reason]
    wrong = next((reason for reason in named if not (reason.isascii() and reason.isdigit() and len(reason) < 19)), None)
    if wrong is not None:
        raise InvalidVoteError(f"{wrong[:20]!r} is not the id of a reason.")
    prefix = "dimension-"
    return Remarks(
        strength=request.POST.get("strength", ""),
        reasons=[int(reason) for reason in named],
        dimensions={
            name.removeprefix(prefix): value
            for name, value in request.POST.items()
            if name.startswith(prefix) and isinstance(value, str) and value
        },
        comment=request.POST.get("comment", ""),
    )


def _standing(ballot: Ballot, pressed: str) -> str:
    """What is saved, which is not what was pressed if the ballot was closed before."""
    if ballot.state == Ballot.State.SKIPPED:
        return "Skipped."
    stands = f"Saved: {choice_label(ballot.choice)}."
    return stands if ballot.choice == pressed else f"{stands} That was saved first, and it stands."


@require_POST
@never_cache
@role_required(Role.REVIEWER)
def undo_vote(request: HttpRequest, token: str) -> HttpResponseBase:
    """Take back the vote or skip of this ballot, and show it again."""
    reviewer = reviewer_of(person(request))
    try:
        reopen(ballot=(ballot := _own(reviewer, token)), reviewer=reviewer)
    except VotingError as error:
        return _refused(request, ballot, error)
    return _show(request, reviewer, _own(reviewer, token), "Undone. Choose again.")


@require_POST
@never_cache
@role_required(Role.REVIEWER)
def report_answer(request: HttpRequest, token: str) -> HttpResponseBase:
    """Takes an answer that reveals its model out of use."""
    reviewer = reviewer_of(person(request))
    ballot = _own(reviewer, token)
    side = request.POST.get("side", "")
    if side not in ("left", "right"):
        words = "Not saved: say which answer, left or right."
        return HttpResponse(words, status=HTTPStatus.BAD_REQUEST, content_type="text/plain; charset=utf-8")
    try:
        report(ballot=ballot, side=side, detail=request.POST.get("detail", ""))  # type: ignore[arg-type]  # checked above
    except VotingError as error:
        return _refused(request, ballot, error)
    letter = "A" if side == "left" else "B"
    words = f"Reported: answer {letter} is not shown until an editor has decided."
    if not is_withdrawn(ballot):
        words = (
            f"You reported answer {letter} before, and an editor released it. It stays in use; this battle is closed."
        )
    return _next(request, reviewer, ballot, words, undoable=False)


def _own(reviewer: Reviewer, token: str) -> Ballot:
    """The reviewer's own ballot; a 404 for another reviewer's, as for an unknown token."""
    ballot = whole(token)
    if ballot is None or ballot.reviewer_id != reviewer.pk:
        raise Http404
    return ballot


def _next(
    request: HttpRequest, reviewer: Reviewer, ballot: Ballot, words: str, *, undoable: bool = True
) -> HttpResponseBase:
    category = ballot.category
    drawn = draw(category=category, reviewer=reviewer)
    if drawn is None:
        if not _in_place(request):
            messages.success(request, words)
        return _see_from(request, "evals:category-vote", category.slug)
    return _show(request, reviewer, _own(reviewer, drawn.token), words, undo=ballot if undoable else None)


def _show(
    request: HttpRequest, reviewer: Reviewer, ballot: Ballot, words: str, undo: Ballot | None = None
) -> HttpResponseBase:
    if not _in_place(request):
        messages.success(request, words)
        return _see("evals:battle", ballot.token)
    context = _desk(reviewer, ballot, battle_page(ballot)) | {"words": words, "undo": undo}
    response = render(request, "evals/voting/_battle_swap.html", context)
    return push_url(response, reverse("evals:battle", args=[ballot.token]))


def _desk(reviewer: Reviewer, ballot: Ballot, page: BattlePage) -> dict[str, object]:
    category = ballot.category
    return {
        "category": category,
        "battle": page,
        "progress": progress(category, reviewer),
        "last": last_closed(reviewer, category),
    }


def _refused(request: HttpRequest, ballot: Ballot, error: VotingError) -> HttpResponseBase:
    messages.error(request, str(error))
    return _see_from(request, "evals:category-vote", ballot.category.slug)


def _in_place(request: HttpRequest) -> bool:
    """Whether the request is from htmx, which swaps in the response."""
    return bool(getattr(request, "htmx", False))


def _see(name: str, *args: str) -> HttpResponseBase:
    """Redirects with a 303, so that the next page is fetched."""
    return HttpResponseRedirect(reverse(name, args=args), status=HTTPStatus.SEE_OTHER)


def _see_from(request: HttpRequest, name: str, *args: str) -> HttpResponseBase:
    return HttpResponseClientRedirect(reverse(name, args=args)) if _in_place(request) else _see(name, *args)
