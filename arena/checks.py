"""System checks: settings that would fail later are reported at the start, with the fix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 (Django's name for it)
from django.db import connections

from arena import triggers

__all__ = ["chores_join_transactions", "keys_differ", "names_are_set", "triggers_are_there"]


@register(Tags.database)
def triggers_are_there(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """A warning, not an error: `migrate` itself runs this check, and is what puts them back."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        tables = set(connections[alias].introspection.table_names())
        lost = [trigger.name for trigger in triggers.missing(using=alias) if trigger.table in tables]
        if lost:
            found.append(
                Warning(
                    f"Triggers are missing that keep votes and tables append-only: {', '.join(sorted(lost))}.",
                    hint="A table was rebuilt outside migrate. Run manage.py migrate, which puts them back.",
                    id="arena.W001",
                )
            )
    return found


@register(Tags.security)
def names_are_set(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    if settings.DEBUG or settings.ALLOWED_HOSTS:
        return []
    return [
        Error(
            "ALLOWED_HOSTS is not set: in production every page would be refused.",
            hint="Set it to the names Arena is reached by, such as ALLOWED_HOSTS=arena.example.",
            id="arena.E001",
        )
    ]


@register(Tags.security)
def keys_differ(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    secrets = {name: getattr(settings, name) for name in ("SECRET_KEY", "ARENA_ENCRYPTION_KEY", "ARENA_SIGNING_KEY")}
    if len(set(secrets.values())) == len(secrets):
        return []
    return [
        Error(
            f"{', '.join(secrets)} are not three different secrets.",
            hint="Each protects something else: a leak of one must not open the others. Make a new one for each.",
            id="arena.E002",
        )
    ]


@register()
def chores_join_transactions(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """What the ledger relies on: a vote and the chore that ranks it are committed together."""
    found: list[CheckMessage] = []
    if settings.Q_CLUSTER.get("orm") != "default":
        found.append(
            Error(
                "Chores are not queued in the default database.",
                hint='Set Q_CLUSTER["orm"] to "default", so that a chore commits with what caused it.',
                id="arena.E003",
            )
        )
    if any(database.get("ATOMIC_REQUESTS") for database in settings.DATABASES.values()):
        found.append(
            Error(
                "ATOMIC_REQUESTS is on: a vote would hold its category's row until its page is drawn.",
                hint="Leave it off; services are atomic themselves.",
                id="arena.E004",
            )
        )
    return found
