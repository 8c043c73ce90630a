"""The settings of a production installation."""

import runpy
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.processes import ROOT


def test_production_waits_for_the_disk_though_tests_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    made = runpy.run_path(str(ROOT / "arena" / "settings.py"))
    with sqlite3.connect(":memory:") as database:
        database.executescript(made["DATABASES"]["default"]["OPTIONS"]["init_command"])
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def settings_with(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, Any]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "arena" / "settings.py"))


def test_only_arenas_own_variable_names_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    others = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), "http://elsewhere:3128")

    assert settings_with(monkeypatch, **others)["ARENA_OUTBOUND_PROXY"] is None
    made = settings_with(
        monkeypatch, **others, ARENA_OUTBOUND_PROXY="http://us:pw@proxy:3128", NO_PROXY="a.example, .b.example"
    )
    proxy = made["ARENA_OUTBOUND_PROXY"]
    assert (proxy.url, proxy.credentials) == ("http://proxy:3128", ("us", "pw"))
    assert proxy.bypass == ("a.example", ".b.example")


def test_a_wrong_proxy_stops_the_start_and_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^ARENA_OUTBOUND_PROXY: .* Write it as http://") as caught:
        settings_with(monkeypatch, ARENA_OUTBOUND_PROXY="proxy.example:hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_certificates_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ImproperlyConfigured, match=r"^SSL_CERT_FILE: .* cannot be used: .* Set SSL_CERT_FILE to"):
        settings_with(monkeypatch, SSL_CERT_FILE=str(path))
