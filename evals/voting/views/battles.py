"""The voting pages. Each action is a form that works without JavaScript: it posts and is redirected with a 303.

With JavaScript (`static/arena/vote.js`) the page holds two ballots: the one on the screen and one ahead of it, which a
vote brings to the screen before the server has heard of it. What the server then returns to htmx is `_hands.html`: what
was saved, the progress, and the ballots that the page does not hold yet.

Nothing here may tell a reviewer's browser which model wrote which answer: addresses contain only a ballot's token,
answers go through one template, nothing is cached, and a ballot is a 404 for anyone but its owner.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from arena.accounts.keymap import chosen
from arena.accounts.languages import translated
from arena.accounts.roles import person, role_required
from arena.models import Role
from evals.catalog.images.serving import image_response
from evals.models import Ballot, Category, Reviewer
from evals.voting.casting import (
    BallotClosedError,
    BattleWithdrawnError,
    InvalidVoteError,
    Remarks,
    TooLateToUndoError,
    VotingError,
    cast_vote,
    reopen,
    report,
    skip,
)
from evals.voting.drawing import Hand, draw, draw_hand, is_withdrawn, loaded, whole
from evals.voting.holding import can_be_undone, hold
from evals.voting.queries.battles import (
    BattlePage,
    Form,
    Rubric,
    battle_page,
    choice_label,
    form_of,
    image_on,
    last_closed,
    rubric,
)
from evals.voting.queries.categories import category_progress, may_vote_in, neediest_first, progress_in
from evals.voting.queries.nothing import battles_closed, nothing_to_vote_on
from evals.voting.queries.progress import progress
from evals.voting.reviewers import reviewer_of

__all__ = ["battle", "battle_image", "category_vote", "report_answer", "undo_vote"]

CHOICES = ("left", "right", "tie", "both_bad", "skip")


@translated
@require_safe
@never_cache
@role_required(Role.REVIEWER)
def category_vote(request: HttpRequest, category: str) -> HttpResponseBase:
    """Redirects to the reviewer's open ballot in the category, or to a new one."""
    found = get_object_or_404(Category, slug=category)
    reviewer = reviewer_of(person(request))
    if not may_vote_in(found, reviewer) and found.retired_at is None:
        words = _("%s is voted on by a group of reviewers that you are not in. An editor can add you.")
        raise PermissionDenied(words % found.name)
    ballot = draw(category=found, reviewer=reviewer)
    if ballot is not None:
        return _see("evals:battle", ballot.token)
    others = [state for state in category_progress(reviewer) if state.slug != found.slug]
    context = {
        "category": found,
        "missing": nothing_to_vote_on(progress_in(found), closed=battles_closed(reviewer, found)),
        "last": last_closed(reviewer, found),
        "others": others,
        "elsewhere": _elsewhere(reviewer, found),
    }
    return render(request, "evals/voting/vote_empty.html", context)


@translated
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@role_required(Role.REVIEWER)
def battle(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET shows the reviewer's own ballot, and holds the next one; POST casts `choice`."""
    ballot = _own(request, token)
    reviewer = ballot.reviewer
    if request.method == "POST":
        return _cast(request, reviewer, ballot)
    if ballot.state != Ballot.State.OPEN:
        return render(
            request,
            "evals/voting/battle_closed.html",
            {"battle": battle_page(ballot), "ballot": ballot, "undoable": can_be_undone(ballot)},
        )
    if is_withdrawn(ballot):
        messages.warning(request, _("That battle was withdrawn. This is the next one."))
        return _see("evals:category-vote", ballot.category.slug)
    hand = draw_hand(category=ballot.category, reviewer=reviewer)
    if ballot.shown_at is None and hand.shown is not None and hand.shown.pk != ballot.pk:
        # Its page was left before the vote on the one before it arrived: that one comes first.
        return _see("evals:battle", hand.shown.token)
    last = last_closed(reviewer, ballot.category)
    shown, *ahead = _places(_with_first(hand, ballot), rubric(ballot.category), last)
    made = progress(ballot.category, reviewer)
    context = {
        "category": ballot.category,
        "shown": shown,
        "ahead": ahead,
        "progress": made,
        "hold": hold(),
        "offer_practice": reviewer.practised_at is None and not made.today,
        **_keys(request),
    }
    return render(request, "evals/voting/battle.html", context)


@require_safe
@role_required(Role.REVIEWER)
def battle_image(request: HttpRequest, token: str, place: str, n: int) -> HttpResponseBase:
    """An image of the reviewer's own ballot, as long as the ballot's page shows it. Answers' images are all of one form
    (PNG), and the response tells nothing of them but the pixels."""
    ballot = _own(request, token)
    if ballot.state != Ballot.State.OPEN or is_withdrawn(ballot):
        raise Http404
    return image_response(image_on(ballot, place, n))


def _cast(request: HttpRequest, reviewer: Reviewer, ballot: Ballot) -> HttpResponseBase:
    reason = request.POST.get("skip_reason", "")
    # A reason for skipping is a button of its own.
    choice = request.POST.get("choice", "") or ("skip" if reason else "")
    if choice not in CHOICES:
        words = _("Not saved: “%s” is not a choice. Go back and use one of the buttons.") % choice[:20]
        return HttpResponse(words, status=HTTPStatus.BAD_REQUEST, content_type="text/plain; charset=utf-8")
    try:
        if choice == "skip":
            skip(ballot=ballot, reason=reason)
        else:
            cast_vote(ballot=ballot, choice=choice, reviewer=reviewer, remarks=_remarks(request))  # type: ignore[arg-type]  # checked above
        words = _standing(ballot, choice)
    except InvalidVoteError as error:
        words = _("Not saved: %s") % error
        return HttpResponse(words, status=HTTPStatus.BAD_REQUEST, content_type="text/plain; charset=utf-8")
    except VotingError as error:
        return _refused(request, reviewer, ballot, error)
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
        return _("Skipped.")
    stands = _("Saved: %s.") % choice_label(ballot.choice, ballot.strength)
    if ballot.choice == pressed:
        return stands
    before = _("That was saved first, and it stands.")
    return f"{stands} {before}"


@translated
@require_POST
@never_cache
@role_required(Role.REVIEWER)
def undo_vote(request: HttpRequest, token: str) -> HttpResponseBase:
    """Take back the vote or skip of this ballot, and show it again."""
    ballot = _own(request, token)
    reviewer = ballot.reviewer
    try:
        reopen(ballot=ballot, reviewer=reviewer)
    except VotingError as error:
        return _refused(request, reviewer, ballot, error)
    words = _("Undone. Choose again.")
    if not _in_place(request):
        messages.success(request, words)
        return _see("evals:battle", ballot.token)
    return _hands(request, reviewer, ballot.category, words, first=_own(request, token))


@translated
@require_POST
@never_cache
@role_required(Role.REVIEWER)
def report_answer(request: HttpRequest, token: str) -> HttpResponseBase:
    """Takes an answer that reveals its model out of use."""
    ballot = _own(request, token)
    reviewer = ballot.reviewer
    side = request.POST.get("side", "")
    if side not in ("left", "right"):
        words = _("Not saved: say which answer, left or right.")
        return HttpResponse(words, status=HTTPStatus.BAD_REQUEST, content_type="text/plain; charset=utf-8")
    try:
        report(ballot=ballot, side=side, detail=request.POST.get("detail", ""))  # type: ignore[arg-type]  # checked above
    except VotingError as error:
        return _refused(request, reviewer, ballot, error)
    letter = "A" if side == "left" else "B"
    words = _("Reported: answer %s is not shown until an editor has decided.") % letter
    if not is_withdrawn(ballot):
        words = (
            _("You reported answer %s before, and an editor released it. It stays in use; this battle is closed.")
            % letter
        )
    return _next(request, reviewer, ballot, words, undoable=False)


def _own(request: HttpRequest, token: str) -> Ballot:
    """The person's own ballot, read with them as its reviewer; a 404 for another's, as for an unknown token."""
    ballot = whole(token)
    if ballot is None or ballot.reviewer.user_id != person(request).pk:
        raise Http404
    return ballot


def _elsewhere(reviewer: Reviewer, but: Category) -> Category | None:
    """The category to go on in: the neediest other one that has a battle for the reviewer."""
    others = (category for category in neediest_first(reviewer) if category.pk != but.pk)
    return next((one for one in others if draw(category=one, reviewer=reviewer) is not None), None)


@dataclass(frozen=True)
class Place:
    """A ballot as the page holds it: its battle, its form, and the ballot that undo would reopen while it is on the
    screen."""

    battle: BattlePage
    form: Form
    last: str


def _with_first(hand: Hand, first: Ballot | None) -> list[Ballot]:
    """The hand's ballots, whole and in the order in which they are shown; `first` before the others."""
    others = [one for one in (hand.shown, hand.ahead) if one is not None and (first is None or one.pk != first.pk)]
    return [*([] if first is None else [first]), *others][:2]


def _places(ballots: list[Ballot], rubric: Rubric, last: Ballot | None) -> list[Place]:
    made = []
    before = last.token if last is not None else ""
    for ballot in ballots:
        read = loaded(ballot)
        made.append(Place(battle_page(read), form_of(read, rubric), before))
        before = ballot.token
    return made


def _next(
    request: HttpRequest, reviewer: Reviewer, ballot: Ballot, words: str, *, undoable: bool = True
) -> HttpResponseBase:
    if _in_place(request):
        return _hands(request, reviewer, ballot.category, words, undo=ballot if undoable else None)
    messages.success(request, words)
    drawn = draw(category=ballot.category, reviewer=reviewer)
    if drawn is None:
        return _see("evals:category-vote", ballot.category.slug)
    return _see("evals:battle", drawn.token)


def _hands(
    request: HttpRequest,
    reviewer: Reviewer,
    category: Category,
    words: str,
    *,
    undo: Ballot | None = None,
    first: Ballot | None = None,
    refused: bool = False,
) -> HttpResponseBase:
    """What the page does not hold (`have` names the ballots it does), and what happened."""
    hand = draw_hand(category=category, reviewer=reviewer, after_act=True)
    ballots = _with_first(hand, first)
    if not ballots:
        if refused:
            messages.error(request, words)
        return HttpResponseClientRedirect(reverse("evals:category-vote", args=[category.slug]))
    have = set(request.POST.get("have", "").split(","))
    last = undo if undo is not None else (last_closed(reviewer, category) if first is not None else None)
    missing = [one for one in ballots if one.token not in have]
    before = ballots[0] if missing and missing[0].pk != ballots[0].pk else last
    context = {
        "category": category,
        "shown": ballots[0].token,
        "places": _places(missing, rubric(category), before) if missing else [],
        "progress": progress(category, reviewer),
        "words": words,
        "undo": undo,
        "refused": refused,
        **_keys(request),
    }
    return render(request, "evals/voting/_hands.html", context)


def _refused(request: HttpRequest, reviewer: Reviewer, ballot: Ballot, error: VotingError) -> HttpResponseBase:
    words = _refusal(ballot, error)
    if _in_place(request):
        return _hands(request, reviewer, ballot.category, words, refused=True)
    messages.error(request, words)
    return _see("evals:category-vote", ballot.category.slug)


def _refusal(ballot: Ballot, error: VotingError) -> str:
    """The error in the reviewer's language."""
    if isinstance(error, BattleWithdrawnError):
        return _("This battle was withdrawn while you looked at it, so nothing was saved. Continue with the next one.")
    if isinstance(error, TooLateToUndoError):
        words = _("A vote can be undone for %s seconds. This one counts by now and stays.")
        return words % f"{hold().total_seconds():g}"
    if isinstance(error, BallotClosedError):
        if ballot.state == Ballot.State.SKIPPED:
            return _("You have skipped this battle already, so nothing was saved. Undo that first to vote on it.")
        if ballot.state == Ballot.State.REPORTED:
            return _("You reported an answer of this battle, so it takes no vote. An editor can bring the answer back.")
        return _("You have voted on this battle already, so nothing was saved.")
    return str(error)


def _keys(request: HttpRequest) -> dict[str, object]:
    """Each act's key, and none where the person has switched keys off."""
    user = person(request)
    keys = chosen(user.voting_keymap) if user.voting_keys else {}
    return {"keys": keys, "keys_json": json.dumps(keys)}


def _in_place(request: HttpRequest) -> bool:
    """Whether the request is from htmx, which swaps in the response."""
    return bool(getattr(request, "htmx", False))


def _see(name: str, *args: str) -> HttpResponseBase:
    """Redirects with a 303, so that the next page is fetched."""
    return HttpResponseRedirect(reverse(name, args=args), status=HTTPStatus.SEE_OTHER)
