"""What models a provider has."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from arena.commands import ExampleCommand
from evals.catalog.queries.found import Offer, offers
from evals.collection.listing.asking import models_of, note_on
from evals.collection.providers import ProviderError
from evals.models import Provider


class Command(ExampleCommand):
    help = (
        "Asks PROVIDER for its list of models and prints their names, one a line, with the contender that asks one "
        "already. Nothing is stored. The names go into a file for import_contenders, as model_name."
    )
    example = """
example:
  manage.py list_models openrouter
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("provider", metavar="PROVIDER")
        parser.add_argument("--json", action="store_true", help="one JSON document, with what the list says of each")

    def handle(self, *, provider: str, json: bool, **_: Any) -> None:
        found = Provider.objects.filter(slug=provider).first()
        if found is None:
            known = ", ".join(Provider.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no provider {provider}. Known: {known}.")
        try:
            listing = models_of(found)
        except ProviderError as error:
            raise CommandError(f"{provider}: {error.detail}") from error
        listed = offers(listing.models, found)
        if json:
            self.stdout.write(_document(provider, listed))
            return
        for offer in listed:
            at = f"\t{offer.contender.slug}" if offer.contender else ""
            self.stdout.write(f"{offer.model.model_name}{at}")
        left_out = listing.no_text + listing.unusable
        for words in (
            f"{left_out} left out: not for text, switched off, or without a usable name." if left_out else "",
            "The list goes on: only its beginning was read." if listing.cut else "",
            note_on(found.base_url),
        ):
            if words:
                self.stderr.write(words)


def _document(provider: str, listed: list[Offer]) -> str:
    models = [
        {
            "model_name": offer.model.model_name,
            "slug": offer.model.slug,
            "contender": offer.contender.slug if offer.contender else None,
            "capabilities": list(offer.model.capabilities),
            "context_tokens": offer.model.context_tokens,
        }
        for offer in listed
    ]
    return json.dumps({"provider": provider, "models": models}, ensure_ascii=False, indent=2)
