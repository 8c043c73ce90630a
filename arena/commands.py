"""What management commands share: a help that ends with examples."""

from __future__ import annotations

from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter

__all__ = ["ExampleCommand"]


class _Formatter(DjangoHelpFormatter):
    """Fills paragraphs, but leaves alone what was written in lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" not in text:
            return super()._fill_text(text, width, indent)
        return "\n".join(indent + line for line in text.strip().splitlines())


class ExampleCommand(BaseCommand):
    """`example` is shown under the help, line by line."""

    # All checks together load every page, which takes longer than most commands; `check` and `migrate` run them.
    requires_system_checks = (Tags.security,)
    example = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = _Formatter
        return super().create_parser(prog_name, subcommand, epilog=self.example, **kwargs)
