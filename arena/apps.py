from django.apps import AppConfig
from django.db.models.signals import post_migrate

from arena import checks  # noqa: F401  (registers them)
from arena.triggers import install_after_migrate


class ArenaConfig(AppConfig):
    name = "arena"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(install_after_migrate, dispatch_uid="arena.triggers")
