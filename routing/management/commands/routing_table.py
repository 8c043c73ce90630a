"""Print a routing table."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from routing.gateways import FORMATS, export
from routing.publishing import queries

_EXAMPLES = """\
examples:
  manage.py routing_table                  the newest, byte for byte as it is served
  manage.py routing_table --version 41     an earlier one
  manage.py routing_table --format litellm > config.yaml
                                           for a gateway; what its format cannot say is told on stderr
"""


class Command(BaseCommand):
    help = "Print a published routing table: exactly the bytes that are signed and served, or a gateway's format."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(
            prog_name,
            subcommand,
            epilog=_EXAMPLES,
            formatter_class=RawDescriptionHelpFormatter,
            # `--version` is a table's here, not Django's.
            conflict_handler="resolve",
            **kwargs,
        )
        # Django's own parser reads the program's version into the same name.
        parser.set_defaults(version=None)
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--version", type=int, default=None, metavar="N", help="default: the newest")
        parser.add_argument("--format", choices=["json", *FORMATS], default="json", help="default: json, the table")

    def handle(self, *args: Any, **options: Any) -> None:
        version = options["version"]
        table = queries.table(version)
        if table is None:
            newest = queries.newest_version()
            if newest is None:
                raise CommandError("Nothing is published yet. See what is missing: manage.py publish --dry-run")
            raise CommandError(f"There is no version {version}. The newest is {newest}.")
        if options["format"] in FORMATS:
            made = export(options["format"], table.body)
            self.stdout.write(made.text, ending="")
            for note in made.notes:
                self.stderr.write(note, self.style.WARNING)
            return
        self.stdout.write(table.body.decode(), ending="")
        if self.stdout.isatty():
            self.stdout.write("")
