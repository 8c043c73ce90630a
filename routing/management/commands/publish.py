"""Publish what the votes decided."""

from __future__ import annotations

import json
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from routing.audit import ReasonMissingError
from routing.decisions.plan import read_approvals
from routing.management.audited import ACTOR
from routing.publishing import publisher
from routing.publishing.summaries import address_notice

_EXAMPLES = """\
examples:
  manage.py publish --dry-run       say what would happen to each category, and store nothing
  manage.py publish                 publish a version if any decision changed, or the evidence grew old
  manage.py publish --json          the same, as one JSON document on stdout
  manage.py publish --approve code=gpt-x --reason "Checked with support."
                                    and approve of a change that waits for approval
"""


class Command(BaseCommand):
    help = "Evaluate policy and gate, and publish a routing table if any decision changed."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=_EXAMPLES, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would happen")
        parser.add_argument("--json", action="store_true", help="print the outcome as one JSON document")
        parser.add_argument("--reason", default="", help="stands in the history; default: what changed")
        parser.add_argument(
            "--approve",
            action="append",
            default=[],
            metavar="ROUTE[=CONTENDER]",
            help="approve of what waits on this route, if it goes to this contender; needs --reason",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = publisher.publish(
                actor=ACTOR,
                reason=options["reason"],
                dry_run=options["dry_run"],
                approve=read_approvals(options["approve"]) or None,
            )
        except publisher.ApprovalError as error:
            raise CommandError(str(error)) from error
        except ReasonMissingError as error:
            raise CommandError("An approval needs --reason: others will read why it was given.") from error
        if result.document and (notice := address_notice(result.document)):
            self.stderr.write(f"Note: {notice}")
        if options["json"]:
            self.stdout.write(json.dumps(result.as_dict(), indent=2, ensure_ascii=False))
            return
        for one in result.decisions:
            decision = one.decision
            to = (
                f"{decision.before} → {decision.to}"
                if decision.before not in (None, decision.to)
                else decision.to or "–"
            )
            self.stdout.write(f"{one.category}: {decision.outcome} ({to}). {decision.reason}")
            for pending in one.waiting:
                self.stdout.write(f"  Approve by: publish --approve {pending.value} --reason …")
        self.stdout.write(self._outcome(result, dry_run=options["dry_run"]))

    def _outcome(self, result: publisher.PublishResult, *, dry_run: bool) -> str:
        if result.published:
            return f"Version {result.version} published: {result.cause}."
        if result.frozen:
            return f"Nothing published. {result.frozen}"
        if dry_run and result.cause:
            return f"Version {(result.version or 0) + 1} would be published: {result.cause}."
        if result.version:
            return f"Nothing to publish: every decision is the same as in version {result.version}."
        return "Nothing to publish yet: no category has a decision, and the policy names no default."
