"""What the outside is told of a contender."""

from __future__ import annotations

import pytest

from tests.routing.boards import model


@pytest.mark.parametrize(
    ("kind", "base_url", "expected"),
    [
        ("openai", "https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("responses", "https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("anthropic", "https://api.anthropic.com/v1", "https://api.anthropic.com/v1"),
        ("ollama", "http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("ollama", "http://127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1/"),
        ("gemini", "https://g.example/v1beta/", "https://g.example/v1beta/openai"),
        ("replicate", "https://api.replicate.com/v1", ""),
        ("fal", "https://queue.fal.run", ""),
        ("imported", "", ""),
    ],
)
def test_services_get_the_address_of_chat_completions(kind, base_url, expected):
    assert model("one", kind=kind, base_url=base_url).chat_base_url == expected
