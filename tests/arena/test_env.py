"""What the environment may say, and how a wrong value is refused."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from arena import env


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("", {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/arena.sqlite3"}),
        ("sqlite:////srv/my arena.sqlite3", {"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/my arena.sqlite3"}),
        (
            "postgres://arena:p%40ss@db:5433/votes?sslmode=require",
            {
                "ENGINE": "django.db.backends.postgresql",
                "USER": "arena",
                "PASSWORD": "p@ss",
                "HOST": "db",
                "PORT": 5433,
                "NAME": "votes",
                "OPTIONS": {"sslmode": "require"},
            },
        ),
        (
            "postgresql://arena@%2Frun%2Fpostgresql/votes",
            {"ENGINE": "django.db.backends.postgresql", "USER": "arena", "HOST": "/run/postgresql", "NAME": "votes"},
        ),
    ],
)
def test_a_database_is_named_by_its_url(monkeypatch: pytest.MonkeyPatch, url: str, wanted: dict[str, object]) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    read = env.database("DATABASE_URL", default="sqlite:////var/arena.sqlite3")
    assert {name: value for name, value in read.items() if value} == wanted


@pytest.mark.parametrize("url", ["mysql://arena@db/votes", "votes", "/srv/arena.sqlite3", "postgres://db:port/votes"])
def test_what_names_no_such_database_is_refused_with_the_fix(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL: .* Set DATABASE_URL to postgres://"):
        env.database("DATABASE_URL", default="sqlite:////var/arena.sqlite3")


@pytest.mark.parametrize(("value", "wanted"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_a_switch_is_on_or_off(monkeypatch: pytest.MonkeyPatch, value: str, wanted: bool) -> None:
    monkeypatch.setenv("DEMO", value)
    assert env.boolean("DEMO", default=not wanted) is wanted


def test_a_switch_that_is_neither_is_refused_and_not_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "enabled")
    with pytest.raises(ImproperlyConfigured, match="DEBUG: 'enabled' is neither yes nor no"):
        env.boolean("DEBUG", default=True)
