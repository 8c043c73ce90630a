from pathlib import Path
from typing import Any

import pytest

from arena import env


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    """The folder of this test's images; it is made with the first of them."""
    folder = tmp_path / "arena-media"
    settings.STORAGES = {**settings.STORAGES, "default": env.media("ARENA_MEDIA", default=folder)}
    return folder
