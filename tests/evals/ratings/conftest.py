from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def data() -> Path:
    """The folder of real data."""
    if not os.environ.get("ARENA_TEST_DATA"):
        pytest.skip("ARENA_TEST_DATA names no folder with llmfao's files")
    return Path(os.environ["ARENA_TEST_DATA"])
