"""django-q2's entry points for collection. Each may run twice, late or not at all."""

from __future__ import annotations

from django_q.tasks import async_task

from arena.ui.wording import count
from evals.collection import rescoring
from evals.collection.quarantine.recheck import recheck

__all__ = ["recheck_quarantine", "rescore", "rescore_unfinished"]

# Well within the minute that a chore may take.
_RECHECK_S = 20
_RESCORE_S = 15


def recheck_quarantine() -> str:
    """Looks on through stored answers after the detector has learnt something. Returns the outcome in words."""
    done = recheck(seconds=_RECHECK_S)
    if not done.read:
        return "Every stored answer has been looked through."
    return f"{count(done.read, 'answer')} looked through, {done.found:,} of them taken out."


def rescore(pk: int) -> str:
    """Scores a portion of stored answers again, and enqueues itself for the next. Returns the outcome in words."""
    done = rescoring.rescore(pk=pk, seconds=_RESCORE_S)
    if not done.finished:
        async_task(rescoring.CHORE, pk)
    return f"{count(done.read, 'answer')} scored again, {done.changed:,} of them changed."


def rescore_unfinished() -> str:
    """Goes on with what somebody asked for and whose chore was lost. Returns the outcome in words."""
    stalled = rescoring.stalled()
    for pk in stalled:
        async_task(rescoring.CHORE, pk)
    return f"{count(len(stalled), 'rescore')} begun again." if stalled else "Nothing waits to be scored again."
