"""The schedules of maintenance. django-q2 calls whatever function a row names: these are all, with the bake-offs that
admins set up (`evals.bake_offs.services`)."""

from __future__ import annotations

from django.db import transaction
from django_q.models import Schedule

__all__ = ["BAKE_OFF", "EVERY", "FLAG", "IMPORTS", "RECHECK", "REPORT", "RESCORE", "SWEEP", "ensure"]

BAKE_OFF = "evals.bake_offs.chores.bake_off"
IMPORTS = "evals.transfer.chores.finish_imports"
REPORT = "evals.bake_offs.chores.report_bake_offs"
RECHECK = "evals.collection.chores.recheck_quarantine"
RESCORE = "evals.collection.chores.rescore_unfinished"
FLAG = "evals.voting.chores.flag_reviewers"
SWEEP = "evals.leaderboards.chores.sweep"

# How often a bake-off may be due.
EVERY = {
    Schedule.HOURLY: "every hour",
    Schedule.DAILY: "every day",
    Schedule.WEEKLY: "every week",
    Schedule.MONTHLY: "every month",
    Schedule.QUARTERLY: "every three months",
}
_STANDING = {
    SWEEP: ("Rank categories with new votes, wake the workers", 1),
    # Does nothing once it is done.
    RECHECK: ("Look for models' names in stored answers, with a new detector", 5),
    RESCORE: ("Go on scoring stored answers again, where that was asked for", 5),
    FLAG: ("Look for reviewers whose votes are worth a look", 60),
    IMPORTS: ("Finish imports that were interrupted", 1),
    REPORT: ("Report on bake-offs that ended, send their e-mails", 1),
}


@transaction.atomic
def ensure() -> None:
    """Each by its minutes. Idempotent; keeps an existing one as an admin has set it."""
    known = set(Schedule.objects.filter(func__in=_STANDING).values_list("func", flat=True))
    for func, (name, minutes) in _STANDING.items():
        if func not in known:
            Schedule.objects.create(name=name, func=func, schedule_type=Schedule.MINUTES, minutes=minutes, repeats=-1)
