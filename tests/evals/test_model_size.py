"""A model's size, as far as its name says."""

from __future__ import annotations

import pytest

from evals.catalog.model_size import billion_parameters


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 8),
        ("SmolLM2-135M-Instruct", 0.135),
        ("mixtral-8x7b", 56),
        ("qwen3-30b-a3b", 30),
        ("llama3.2:3b", 3),
        ("kimi-k2-1t", 1000),
        ("gpt-4o-mini", None),
        ("gemma-3n-e4b", None),
        ("phi-3-mini-128k-4bit", None),
        ("nothing-0b", None),
    ],
)
def test_the_first_size_of_the_name_counts(name, billions):
    assert billion_parameters(name) == (billions and pytest.approx(billions))
