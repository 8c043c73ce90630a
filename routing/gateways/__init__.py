"""A published table in the formats of gateways: its bytes in, their text out. Pure, and the same text every time.

    made = export("litellm", body)
    made.text         # a config.yaml
    made.notes        # what it cannot say, a sentence each

A route sends to the model that the table chooses for it, or nowhere: what a gateway cannot say is left out and told,
never bent. Keys are names of environment variables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from routing.gateways import litellm, openrouter, portkey
from routing.gateways.reading import Export, Table

__all__ = ["FORMATS", "Export", "Format", "export"]


@dataclass(frozen=True)
class Format:
    title: str
    media_type: str
    suffix: str
    write: Callable[[Table], Export]


FORMATS: Mapping[str, Format] = {
    "litellm": Format("LiteLLM proxy", "application/yaml", "yaml", litellm.export),
    "openrouter": Format("OpenRouter", "application/json", "json", openrouter.export),
    "portkey": Format("Portkey gateway", "application/json", "json", portkey.export),
}


@lru_cache(maxsize=8)  # a page asks for all, and for the same ones again
def export(name: str, body: bytes) -> Export:
    """`name` is one of FORMATS, `body` a table as it was stored."""
    return FORMATS[name].write(Table.of(body))
