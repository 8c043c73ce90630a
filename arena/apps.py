from django.apps import AppConfig
from django.db.models.signals import post_migrate

from arena import checks  # noqa: F401  (registers them)
from arena.celery import app as celery_app
from arena.triggers import install_after_migrate

# Every process that loads Django has our Celery application as the current one, so that jobs reach our broker.
__all__ = ["ArenaConfig", "celery_app"]


class ArenaConfig(AppConfig):
    name = "arena"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(install_after_migrate, dispatch_uid="arena.triggers")
