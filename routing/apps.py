from django.apps import AppConfig

from arena.triggers import append_only


class RoutingConfig(AppConfig):
    name = "routing"
    default_auto_field = "django.db.models.BigAutoField"
    triggers = (
        *append_only("routing_routingtable", "published tables"),
        *append_only("routing_policyversion", "policy versions"),
        *append_only("routing_act", "acts"),
    )

    def ready(self) -> None:
        from routing import receivers  # noqa: F401, PLC0415  (Django's place for connecting signals)
