"""Webhooks from the command line."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from arena.commands import ExampleCommand
from routing.management.audited import ACTOR
from routing.models import Webhook
from routing.webhooks import queries, services
from routing.webhooks.messages import EVENTS, PUBLISHED
from routing.webhooks.queries import WebhookLine


class Command(ExampleCommand):
    help = "Add, list, replay or disable webhooks: addresses that are told of published tables, or of bake-offs."
    example = """
examples:
  manage.py webhooks add https://example.com/hooks/arena --description "Gateway"
                                                   print its secret, once, alone on the last line
  manage.py webhooks list --json                   each with its state and its last delivery
  manage.py webhooks replay 3 --since 2026-11-22T09:00
                                                   send again what was given up since then
  manage.py webhooks disable 3 --reason "Moved."   send nothing more there
"""

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="add|list|replay|disable")
        added = actions.add_parser("add", help="add an address and print its secret, once")
        added.add_argument("url", help="an https address, or one in ARENA_OUTBOUND_ALLOW")
        added.add_argument("--description", default="", help="who receives it")
        added.add_argument(
            "--event",
            action="append",
            choices=list(EVENTS),
            help="what it is told of; may be given again (default: routing_table.published)",
        )
        listed = actions.add_parser("list", help="every webhook with its state and its last delivery")
        listed.add_argument("--json", action="store_true", help="print as one JSON document")
        replayed = actions.add_parser("replay", help="send again what was given up")
        replayed.add_argument("webhook", type=int, help="its number, as `list` has it")
        replayed.add_argument("--since", required=True, help="a time in UTC, such as 2026-11-22T09:00")
        disabled = actions.add_parser("disable", help="send nothing more there; enabled again on its page")
        disabled.add_argument("webhook", type=int, help="its number, as `list` has it")
        disabled.add_argument("--reason", default="", help="others read it")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except services.WebhookError as error:
            raise CommandError(str(error)) from error
        except Webhook.DoesNotExist as error:
            raise CommandError(f"There is no webhook {options['webhook']}.") from error

    def _add(self, *, url: str, description: str, event: list[str] | None, **_: Any) -> None:
        added = services.add(url=url, description=description, events=event or [PUBLISHED], actor=ACTOR)
        self.stdout.write(f"Webhook {added.webhook_id} added. Its secret, which is not shown again:")
        self.stdout.write(added.secret)

    def _list(self, *, json: bool, **_: Any) -> None:
        lines = queries.webhooks()
        if json:
            self.stdout.write(_document(lines))
            return
        for line in lines:
            state = "enabled" if line.enabled else f"disabled ({line.disabled_reason})"
            if line.rests_until:
                state += f", rests until {line.rests_until:%Y-%m-%d %H:%M} ({line.rests_because})"
            last = f"{line.last.words} {line.last.created_at:%Y-%m-%d %H:%M}" if line.last else "nothing sent yet"
            self.stdout.write(f"{line.id}  {line.url}  {state}  {last}, {line.waiting} waiting, {line.failed} given up")
        if not lines:
            self.stdout.write("No webhook yet.")

    def _replay(self, *, webhook: int, since: str, **_: Any) -> None:
        moment = _moment(since)
        opened = services.replay_failed(webhook_id=webhook, since=moment, actor=ACTOR)
        why = "" if opened else f" {queries.none_given_up(webhook, moment)}"
        self.stdout.write(f"Replayed: {opened}.{why}")

    def _disable(self, *, webhook: int, reason: str, **_: Any) -> None:
        reason = f"{ACTOR}: {reason.strip()}" if reason.strip() else f"By {ACTOR}."
        done = services.disable(webhook_id=webhook, reason=reason)
        self.stdout.write("Disabled." if done else "It was disabled already.")


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"--since: {text!r} is no time. Write one such as 2026-11-22T09:00, in UTC.")
    return moment if moment.tzinfo else timezone.make_aware(moment)


def _document(lines: list[WebhookLine]) -> str:
    body = [
        {
            "id": line.id,
            "url": line.url,
            "description": line.description,
            "events": line.events,
            "enabled": line.enabled,
            "disabled_reason": line.disabled_reason,
            "rests_until": line.rests_until and line.rests_until.isoformat(),
            "rests_because": line.rests_because,
            "waiting": line.waiting,
            "failed": line.failed,
            "last": line.last
            and {
                "id": line.last.message_id,
                "event": line.last.event,
                "version": line.last.version,
                "state": line.last.state,
                "attempts": line.last.attempts,
                "created_at": line.last.created_at.isoformat(),
            },
        }
        for line in lines
    ]
    return json.dumps({"webhooks": body}, indent=2, ensure_ascii=False)
