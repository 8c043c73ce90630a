from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.migrations import Migration
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.module_loading import import_string

from arena import checks  # noqa: F401  (registers them)
from arena.triggers import install_after_migrate, lift_before_migrate

__all__ = ["ArenaConfig", "ensure_schedules"]

_ENSURE = (
    "arena.accounts.schedules.ensure",
    "evals.collection.schedules.ensure",
    "routing.schedules.ensure",
)


def ensure_schedules(using: str, plan: Sequence[tuple[Migration, bool]] = (), **_: Any) -> None:
    """Receiver of `post_migrate`. By name: this module is loaded before there are models. Does nothing after a
    reversal: the code that goes with the older schema puts back schedules of its own."""
    reversal = any(backwards for _migration, backwards in plan)
    if using == DEFAULT_DB_ALIAS and not reversal and "django_q_schedule" in connection.introspection.table_names():
        for ensure in _ENSURE:
            import_string(ensure)()


class ArenaConfig(AppConfig):
    name = "arena"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        pre_migrate.connect(lift_before_migrate, dispatch_uid="arena.triggers.lift")
        post_migrate.connect(install_after_migrate, dispatch_uid="arena.triggers")
        # After the last of our apps: a cluster started by hand finds its schedules like one that `up` starts.
        post_migrate.connect(ensure_schedules, sender=apps.get_app_config("routing"), dispatch_uid="arena.schedules")
