"""What the commands share by which a person acts on what is routed: a reason, one JSON document, errors in words."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from arena.commands import ExampleCommand
from routing.audit import ReasonMissingError
from routing.models import PolicyVersion
from routing.policy.parse import PolicyError
from routing.policy.pins import PinError
from routing.policy.services import PolicyConflictError
from routing.publishing.publisher import RollbackError
from routing.publishing.summaries import publication_notice

__all__ = ["ACTOR", "AuditedCommand", "Done", "saved"]

ACTOR = "command line"


class Done(NamedTuple):
    """What came of an act: as one JSON document, and in words."""

    document: dict[str, Any]
    words: str


class AuditedCommand(ExampleCommand):
    """A command implements `act(options)`."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="stands in the history beside who did it")
        parser.add_argument("--json", action="store_true", help="print what came of it as one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = self.act(options)
        except ReasonMissingError as error:
            raise CommandError(f"--reason: {error}") from error
        except PolicyError as error:
            lines = "".join(f"\n  {one}" for one in error.errors)
            raise CommandError(f"The policy cannot have this pin:{lines}") from error
        except (PinError, PolicyConflictError, RollbackError) as error:
            raise CommandError(str(error)) from error
        written = json.dumps(done.document, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)
        self.stdout.write(written if options["json"] else done.words)

    def act(self, options: dict[str, Any]) -> Done:
        raise NotImplementedError


def saved(made: PolicyVersion, before: int | None, words: str) -> Done:
    """Of a policy that an act led to; `before` is the version that was the newest."""
    if made.version == before:
        words = f"So it is already, by policy {made.version}."
    else:
        words = f"{words} That is policy {made.version}. {publication_notice()}"
    return Done({"saved": made.version != before, "version": made.version, "sha256": made.sha256}, words)
