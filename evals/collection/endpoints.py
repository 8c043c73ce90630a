"""Where a provider is asked, and with which key."""

from __future__ import annotations

from evals.catalog.services import providers
from evals.catalog.services.providers import origin
from evals.collection.providers import Endpoint, KeyRefused
from evals.models import Provider

__all__ = ["endpoint_of"]


def endpoint_of(provider: Provider, *, frozen_url: str = "") -> Endpoint:
    """A frozen contender is asked where it was frozen; but a key goes only to the address it was typed for. Raises
    KeyRefused."""
    base_url = frozen_url or provider.base_url
    try:
        key = providers.api_key(provider)
    except providers.KeyUnreadableError as error:
        raise KeyRefused(str(error)) from error
    if key is None and provider.api_key_env:
        raise KeyRefused(f"{provider.api_key_env} is not set where this process runs")
    if key is not None and base_url and origin(base_url) != origin(provider.base_url):
        raise KeyRefused(
            f"{provider.slug} has moved to {origin(provider.base_url)}; its key is not sent to {origin(base_url)}, "
            "where this contender is frozen. Make a new revision of it"
        )
    return Endpoint(
        base_url=base_url,
        api_key=key,
        first_token_timeout_s=provider.first_token_timeout_s,
        total_timeout_s=provider.total_timeout_s,
        direct=provider.locality == Provider.Locality.LOCAL,
    )
