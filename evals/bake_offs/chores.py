"""django-q2's entry points for bake-offs. Each may run twice, late or not at all: rows say what is left to do."""

from __future__ import annotations

from datetime import datetime

import structlog

from arena.ui.wording import count
from evals.bake_offs.mail import send_due
from evals.bake_offs.reporting import end_at_budget, make_report, rounds_to_report
from evals.bake_offs.starting import start_bake_off
from evals.collection import wake

__all__ = ["bake_off", "report_bake_offs"]

log = structlog.get_logger(__name__)


def bake_off(task_set_id: int, due: str | None = None, by: str = "") -> str:
    """On the schedule that an admin set, or as one asked for it. `due` is when, in ISO's form: the same again starts
    nothing more. Returns the outcome in words, for the page of schedules."""
    started = start_bake_off(task_set_id=task_set_id, due=datetime.fromisoformat(due) if due else None, by=by)
    if started.round is not None and started.round.run_id is not None:
        wake.wake_workers()
    return started.reason


def report_bake_offs() -> str:
    """Every minute: ends those whose budget is used up, makes the reports that are due, and sends their e-mails."""
    end_at_budget()
    made, failed = 0, []
    for pk in rounds_to_report():
        try:
            made += make_report(round_id=pk) is not None
        except Exception as error:
            # It keeps back neither the other reports nor the e-mails.
            log.exception("bake_off_not_reported", round=pk)
            failed.append(error)
    sent = send_due()
    if failed:
        raise failed[0]
    return f"{count(made, 'report')} made, {count(sent, 'e-mail')} sent."
