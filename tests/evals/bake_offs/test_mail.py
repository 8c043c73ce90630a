"""Reports go by e-mail to the admins who asked, once each, through a real SMTP server on loopback."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone

from arena.errors import FieldError
from arena.models import Role, User
from evals.bake_offs import chores
from evals.bake_offs.mail import ATTEMPTS, LEASES, send_due
from evals.bake_offs.reporting import make_report
from evals.bake_offs.services import subscribe, unsubscribe
from evals.models import BakeOffMail, BakeOffRound
from tests.evals.bake_offs.conftest import answer, bake, end, set_up
from tests.processes import free_port

pytestmark = pytest.mark.django_db


@dataclass
class Inbox:
    """What a mail server took. `answers` are given to its messages in turn, then 250 to all others."""

    answers: list[str] = field(default_factory=list)
    got: list[Any] = field(default_factory=list)
    during: Callable[[], None] = lambda: None
    refuse: set[str] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802 (the library's name)
        self, server, session, envelope, address, options
    ):
        if address in self.refuse:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(  # noqa: N802
        self, server, session, envelope
    ):
        self.during()
        said = self.answers.pop(0) if self.answers else "250 taken"
        if said.startswith("250"):
            self.got.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default)))
        return said


@pytest.fixture
def inbox(settings: Any) -> Iterator[Callable[..., Inbox]]:
    with ExitStack() as stack:

        def serve(*answers: str) -> Inbox:
            made = Inbox(list(answers))
            server = Controller(made, hostname="127.0.0.1", port=free_port())
            server.start()
            stack.callback(server.stop)
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
            settings.ARENA_SITE_URL = "https://arena.example"
            return made

        yield serve


@pytest.fixture
def ended(task_set, contender) -> Callable[[int], None]:
    def one(week: int = 0) -> None:
        set_up(task_set)
        run = bake(task_set, week)
        answer(run)
        end(run)

    return one


def later(**by: float) -> Callable[[], Any]:
    return lambda: timezone.now() + timedelta(**by)


def states() -> list[str]:
    return list(BakeOffMail.objects.values_list("state", flat=True))


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_each_admin_who_asked_gets_one_in_plain_text_with_a_link(inbox, ended, make_user):
    here = inbox()
    for name in ("mara", "tom", "lea"):
        subscribe(user=make_user(Role.ADMIN, name), address=f"{name}@example.com")
    User.objects.filter(username="tom").update(role=Role.EDITOR)
    User.objects.filter(username="lea").update(is_active=False)
    make_user(Role.ADMIN, "never-asked")
    ended()

    assert chores.report_bake_offs() == "1 report made, 1 e-mail sent."
    assert chores.report_bake_offs() == "0 reports made, 0 e-mails sent."

    [(to, message)] = here.got
    report = BakeOffMail.objects.get().report_id
    assert to == ["mara@example.com"]
    assert (message["Subject"], message["To"]) == ("Bake-off 1 of code", "mara@example.com")
    assert message.get_content_type() == "text/plain"
    assert f"https://arena.example/bake-offs/{report}/" in message.get_content()
    assert "- It was the first time" in message.get_content()
    assert message["Auto-Submitted"] == "auto-generated"
    assert states() == ["sent"]


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_server_that_is_down_or_busy_is_asked_again(inbox, ended, make_user, settings):
    subscribe(user=make_user(Role.ADMIN), address="mara@example.com")
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.ARENA_SITE_URL = (
        "127.0.0.1",
        free_port(),
        "https://arena.example",
    )
    ended()
    chores.report_bake_offs()
    assert states() == ["waiting"]
    here = inbox("451 come back later")

    assert send_due() == 0  # not yet
    assert send_due(clock=later(minutes=2)) == 0
    assert "answered 451: come back later" in BakeOffMail.objects.get().error
    assert send_due(clock=later(minutes=10)) == 1
    assert len(here.got) == 1


@pytest.mark.parametrize("answers", [("554 no",), ()])
def test_a_message_that_is_refused_is_given_up(inbox, ended, make_user, answers: tuple[str, ...]):
    here = inbox(*answers)
    here.refuse = set() if answers else {"mara@example.com"}
    subscribe(user=make_user(Role.ADMIN), address="mara@example.com")
    ended()
    chores.report_bake_offs()
    assert states() == ["failed"]
    assert BakeOffMail.objects.get().error.startswith("The mail server answered 55")


def test_it_is_given_up_after_so_many_attempts(inbox, ended, make_user):
    inbox(*["451 busy"] * (ATTEMPTS + 1))
    subscribe(user=make_user(Role.ADMIN), address="mara@example.com")
    ended()
    for day in range(ATTEMPTS + 1):
        chores.report_bake_offs() if not day else send_due(clock=later(days=day))
    assert (states(), BakeOffMail.objects.get().attempts) == (["failed"], ATTEMPTS)


def test_one_whose_sender_died_before_it_was_handed_over_is_sent(inbox, ended, make_user):
    subscribe(user=make_user(Role.ADMIN), address="mara@example.com")
    here = inbox()
    ended()
    assert make_report(round_id=BakeOffRound.objects.get().pk)
    now = timezone.now()
    assert LEASES.claim(BakeOffMail.objects.filter(state="waiting"), now=now, attempts=1)
    assert send_due() == 0
    assert send_due(clock=later(minutes=3)) == 1
    assert (len(here.got), states()) == (1, ["sent"])


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.django_db(transaction=True)
def test_one_whose_sender_is_killed_as_the_server_takes_it_never_comes_twice(inbox, ended, make_user):
    """A real process, killed between the server's taking the message and the row that says so."""
    subscribe(user=make_user(Role.ADMIN), address="mara@example.com")
    here = inbox()
    ended()
    assert make_report(round_id=BakeOffRound.objects.get().pk)
    sender: list[int] = []
    here.during = lambda: os.kill(sender[0], signal.SIGSTOP)
    sender.append(_forked_sender())
    os.waitpid(sender[0], os.WUNTRACED)
    os.kill(sender[0], signal.SIGKILL)
    os.waitpid(sender[0], 0)
    here.during = lambda: None

    assert send_due(clock=later(minutes=3)) == 0
    assert send_due(clock=later(days=1)) == 0
    assert (states(), len(here.got)) == (["unknown"], 1)
    assert "not known" in BakeOffMail.objects.get().error


def _forked_sender() -> int:
    """A child that sends what is due, over connections of its own."""
    from django.db import connections

    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    try:
        send_due()
    finally:
        os._exit(0)


def test_without_a_mail_server_nothing_waits(ended, make_user):
    subscribe(user=make_user(Role.ADMIN), address="mara@example.com")
    ended()
    assert chores.report_bake_offs() == "1 report made, 0 e-mails sent."
    assert not BakeOffMail.objects.exists()


@pytest.mark.parametrize("address", ["mara", "a@b\nBcc: x@y.example", "a b@example.com", f"{'a' * 300}@example.com"])
def test_what_is_not_an_address_is_refused(make_user, address: str):
    with pytest.raises(FieldError, match="address"):
        subscribe(user=make_user(Role.ADMIN), address=address)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_an_admin_ends_it_again(make_user):
    mara = make_user(Role.ADMIN)
    subscribe(user=mara, address="mara@example.com")
    assert unsubscribe(user=mara)
    assert not unsubscribe(user=mara)
