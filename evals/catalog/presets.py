"""Common providers: their addresses, what they need, and model names to try."""

from __future__ import annotations

from dataclasses import dataclass

from evals.models import Provider

__all__ = ["PRESETS", "Preset", "preset"]


@dataclass(frozen=True)
class Preset:
    slug: str
    name: str
    base_url: str
    locality: Provider.Locality
    needs_key: bool
    key_env: str
    help: str
    example_models: tuple[str, ...]
    max_concurrency: int = 4


PRESETS = (
    Preset(
        slug="openai",
        name="OpenAI",
        base_url="https://api.openai.com/v1",
        locality=Provider.Locality.HOSTED,
        needs_key=True,
        key_env="OPENAI_API_KEY",
        help="Create a key at platform.openai.com under API keys. Prompts leave your network.",
        example_models=("gpt-4.1-mini", "gpt-4.1", "gpt-4o-mini"),
        max_concurrency=8,
    ),
    Preset(
        slug="ollama",
        name="Ollama",
        base_url="http://127.0.0.1:11434/v1",
        locality=Provider.Locality.LOCAL,
        needs_key=False,
        key_env="",
        help="Start it with `ollama serve` and get a model with `ollama pull`. Use the names in `ollama list`.",
        example_models=("llama3.2:3b", "qwen2.5:7b", "gemma3:4b"),
        max_concurrency=1,
    ),
    Preset(
        slug="lm-studio",
        name="LM Studio",
        base_url="http://127.0.0.1:1234/v1",
        locality=Provider.Locality.LOCAL,
        needs_key=False,
        key_env="",
        help="Load a model, then start the server on its Developer page. Use the names that its page shows.",
        example_models=("qwen2.5-7b-instruct", "llama-3.2-3b-instruct"),
        max_concurrency=1,
    ),
)


def preset(slug: str) -> Preset | None:
    return next((one for one in PRESETS if one.slug == slug), None)
