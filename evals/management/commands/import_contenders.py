"""Add and revise contenders from a file."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from arena.commands import ExampleCommand
from evals.transfer.contenders import ImportedLine, import_contenders
from evals.transfer.files.errors import RefusedError
from evals.transfer.files.rows import open_source


class Command(ExampleCommand):
    help = (
        "Adds contenders and their providers from FILE (YAML, JSON, JSONL or CSV). Any bad row: nothing is written. "
        "A contender in use is not changed: where the file differs, the next revision is made. What the file leaves "
        "out stays as it is. Keys are never in the file: name a variable in api_key_env, or type them on the page."
    )
    example = """
fields: slug, provider, model_name; optional: provider_name, kind, base_url, api_key_env, locality, max_concurrency,
requests_per_minute, tokens_per_minute, first_token_timeout_s, total_timeout_s, settings, system, temperature,
max_tokens, tier, capabilities, context_tokens, usd_per_mtok_input, usd_per_mtok_output, usd_per_mtok_cached_input,
usd_per_mtok_cache_write, usd_per_mtok_reasoning, price_source, priced_at (a day; today when a price is new). Those
from provider_name to total_timeout_s speak of the provider: give each once, or the same in every row. A provider
called as a preset (openai, anthropic, ollama, …) needs no kind and no base_url. kind is openai (chat completions),
responses, anthropic, gemini, ollama, replicate or fal. A limit per minute is a number, or none. system, temperature
and max_tokens are settings that have a field of their own; all others go into settings, a JSON object.

example:
  manage.py import_contenders examples/contenders.yaml
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE")

    def handle(self, *, file: str, **_: Any) -> None:
        try:
            with open_source(file) as source:
                done = import_contenders(source=source)
        except RefusedError as error:
            raise CommandError(f"Nothing was written.\n{error}") from error
        for line in done.lines:
            self.stdout.write(_describe(line))
        counts = [(how, done.count(how)) for how in ("created", "revised", "changed", "unchanged")]
        self.stdout.write(", ".join(f"{n} {how}" for how, n in counts if n))


def _describe(line: ImportedLine) -> str:
    if line.how == "revised":
        return f"contender {line.slug}: created, because {line.was} is in use with other settings and stays unchanged"
    return f"{line.what} {line.slug}: {line.how}"
