"""Make a token for a program."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from arena.commands import ExampleCommand
from arena.models import ApiToken


class Command(ExampleCommand):
    help = "Make an API token. It is printed once, alone on the last line, and stored only as a hash."
    example = """
example:
  manage.py create_token --name checkout-service --scope routing:read
  manage.py create_token --name ci --scope evals:write --scope routing:publish
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="who uses it; stands in the history of what it does")
        parser.add_argument(
            "--scope",
            required=True,
            action="extend",
            nargs="+",
            choices=ApiToken.SCOPES,
            metavar="SCOPE",
            help=f"what it may do: {', '.join(ApiToken.SCOPES)}; may be given several times",
        )

    def handle(self, *args: Any, name: str, scope: list[str], **options: Any) -> None:
        longest = ApiToken._meta.get_field("name").max_length or 0
        if not name.strip() or len(name) > longest:
            raise CommandError(f"A name has 1 to {longest} characters.")
        scopes = sorted(set(scope))
        _, key = ApiToken.objects.create_key(name=name.strip(), scopes=scopes)
        self.stdout.write(f"Token {name.strip()} may {', '.join(scopes)}. Keep it: it is not shown again.")
        self.stdout.write(key)
