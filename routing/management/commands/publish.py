"""Publish what the votes decided."""

from __future__ import annotations

import json
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from routing import publishing

_EXAMPLES = """\
examples:
  manage.py publish --dry-run       say what would happen to each category, and store nothing
  manage.py publish                 publish a version if any decision changed, or the evidence grew old
  manage.py publish --json          the same, as one JSON document on stdout
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

    def handle(self, *args: Any, **options: Any) -> None:
        result = publishing.publish(actor="command line", reason=options["reason"], dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(result.as_dict(), indent=2, ensure_ascii=False))
            return
        for one in result.decisions:
            verdict = one.verdict
            to = f"{verdict.before} → {verdict.to}" if verdict.before not in (None, verdict.to) else verdict.to or "–"
            self.stdout.write(f"{one.category}: {verdict.outcome} ({to}). {verdict.reason}")
        self.stdout.write(self._told(result, dry_run=options["dry_run"]))

    def _told(self, result: publishing.PublishResult, *, dry_run: bool) -> str:
        if result.published:
            return f"Version {result.version} published: {result.cause}."
        if result.frozen:
            return f"Nothing published. {result.frozen}"
        if dry_run and result.cause:
            return f"Version {(result.version or 0) + 1} would be published: {result.cause}."
        if result.version:
            return f"Nothing to publish: every decision is as in version {result.version}."
        return "Nothing to publish yet: no category has a decision, and the policy names no default."
