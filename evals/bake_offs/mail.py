"""Sends reports by e-mail: plain text and a link, once to each admin who asked.

Until a message is handed over, whatever goes wrong is tried again. From then on the server has it, or may have it, and
it is not sent again. A row says before it begins which of the two is true, so a process that is killed leaves no doubt
beyond that.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from arena.leases import FREED, Leases, expired, free
from evals.bake_offs.report import summary
from evals.models import BakeOffMail

__all__ = ["ATTEMPTS", "LEASES", "message", "send_due"]

_STATE = BakeOffMail.State
# Longer than all a mail server is waited for.
LEASES = Leases(BakeOffMail, length=timedelta(minutes=2))
_WAITS = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 480))
ATTEMPTS = len(_WAITS) + 1
_BROKEN_OFF = "The process ended as it handed the message over: whether the mail server took it is not known."
_LOOKS = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Claim:
    id: int
    token: UUID
    attempts: int


def send_due(*, seconds: float = 30, clock: Callable[[], datetime] = timezone.now) -> int:
    """Sends what is due, for about so many seconds. Returns how many messages the mail server took."""
    if not settings.EMAIL_HOST:
        return 0
    _settle_broken_off(clock())
    until, taken = monotonic() + seconds, 0
    while monotonic() < until and (claim := _claim(clock())) is not None:
        taken += _send(claim, clock)
    return taken


def message(mail: BakeOffMail, *, connection: EmailBackend | None = None) -> EmailMessage:
    """Reads the report, its round, bake-off and task set."""
    report, found = mail.report, mail.report.document
    host = urlsplit(settings.ARENA_SITE_URL).hostname
    states = {"done": "", "stopped": ", stopped", "not_started": ", not started"}
    lines = [f"- {one}" for one in summary(found)]
    address = settings.ARENA_SITE_URL.rstrip("/") + reverse("evals:bake-off-report", args=[report.pk])
    body = [
        f"Bake-off {found['n']} of the task set {found['task_set']}{states[report.state]}.",
        "",
        *lines,
        "",
        f"The whole report: {address}",
        "",
        "You get this because you asked for it on the page of schedules, where you can end it.",
    ]
    return EmailMessage(
        subject=f"Bake-off {found['n']} of {found['task_set']}{states[report.state]}",
        body="\n".join(body) + "\n",
        to=[mail.address],
        # The same however often it is tried: a server or a reader that has it knows it again.
        headers={"Message-ID": f"<bake-off-report-{report.pk}-{mail.pk}@{host}>", "Auto-Submitted": "auto-generated"},
        connection=connection,
    )


def _settle_broken_off(now: datetime) -> None:
    lost = BakeOffMail.objects.filter(expired(now), state=_STATE.HANDING_OVER)
    lost.update(state=_STATE.UNKNOWN, error=_BROKEN_OFF, finished_at=now, **FREED)


def _claim(now: datetime) -> _Claim | None:
    """What has been due longest."""
    due = BakeOffMail.objects.filter(free(now), state=_STATE.WAITING, not_before__lte=now).order_by("not_before", "pk")
    for _ in range(_LOOKS):
        seen = due.first()
        if seen is None:
            return None
        # Another process may have claimed it since it was seen.
        as_seen = BakeOffMail.objects.filter(free(now), pk=seen.pk, state=_STATE.WAITING, attempts=seen.attempts)
        if seen.attempts >= ATTEMPTS:  # every process that tried to send it died
            as_seen.update(state=_STATE.FAILED, finished_at=now, **FREED)
            continue
        token = LEASES.claim(as_seen, now=now, attempts=seen.attempts + 1)
        if token is not None:
            return _Claim(seen.pk, token, seen.attempts + 1)
    return None


def _send(claim: _Claim, clock: Callable[[], datetime]) -> bool:
    server = EmailBackend(fail_silently=False)
    try:
        # Connects and signs in: no message is on its way yet.
        server.open()
    except (OSError, smtplib.SMTPException) as error:
        _again(claim, error, clock())
        return False
    try:
        if not LEASES.leased(claim.id, claim.token).filter(state=_STATE.WAITING).update(state=_STATE.HANDING_OVER):
            return False  # believed dead, and another process has it
        return _hand_over(claim, server, clock)
    finally:
        _close(server)


def _hand_over(claim: _Claim, server: EmailBackend, clock: Callable[[], datetime]) -> bool:
    mail = BakeOffMail.objects.select_related("report").get(pk=claim.id)
    try:
        message(mail, connection=server).send()
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
        # The server said no, so it does not have it.
        _again(claim, error, clock(), for_good=_is_final(error))
        return False
    except (OSError, smtplib.SMTPException) as error:
        words = f"The connection broke as the message was handed over ({_words(error)}): it may have arrived."
        LEASES.finish(claim.id, claim.token, state=_STATE.UNKNOWN, error=words[:300], finished_at=clock())
        return False
    LEASES.finish(claim.id, claim.token, state=_STATE.SENT, error="", finished_at=clock())
    log.info("bake_off_mail_sent", mail=claim.id)
    return True


def _again(claim: _Claim, error: Exception, now: datetime, *, for_good: bool = False) -> None:
    words = _words(error)[:300]
    open_ = Q(state__in=(_STATE.WAITING, _STATE.HANDING_OVER))
    if for_good or claim.attempts >= ATTEMPTS:
        LEASES.finish(claim.id, claim.token, only_if=open_, state=_STATE.FAILED, error=words, finished_at=now)
    else:
        wait = now + _WAITS[claim.attempts - 1]
        LEASES.finish(claim.id, claim.token, only_if=open_, state=_STATE.WAITING, error=words, not_before=wait)
    log.warning("bake_off_mail_not_sent", mail=claim.id, error=words)


def _is_final(error: smtplib.SMTPException) -> bool:
    """A 5xx: the same message would be refused again."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500


def _words(error: Exception) -> str:
    said: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error
    else:
        return " ".join(str(error).split()) or type(error).__name__
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    shown = "".join(one if one.isprintable() else " " for one in text)
    return f"The mail server answered {code}: {' '.join(shown.split())}"


def _close(server: EmailBackend) -> None:
    try:
        server.close()
    except (OSError, smtplib.SMTPException):
        log.debug("mail_server_not_closed")
