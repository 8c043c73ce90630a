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
        # Django's place for connecting signals.
        from routing.publishing import receivers as _publishing  # noqa: F401, PLC0415
        from routing.webhooks import receivers as _webhooks  # noqa: F401, PLC0415
