from django.apps import AppConfig

from arena.receivers import connect
from arena.triggers import append_only
from evals.signals import (
    bake_off_finished,
    category_retired,
    category_retirement_asked,
    leaderboard_computed,
    needs_asked,
    retirement_asked,
)
from routing.signals import table_published


class RoutingConfig(AppConfig):
    name = "routing"
    default_auto_field = "django.db.models.BigAutoField"
    triggers = (
        *append_only("routing_routingtable", "published tables"),
        *append_only("routing_policyversion", "policy versions"),
        *append_only("routing_act", "acts"),
    )

    def ready(self) -> None:
        connect(leaderboard_computed, "routing.publishing.receivers.publish_after_ranking")
        connect(category_retired, "routing.publishing.receivers.publish_after_retirement")
        connect(retirement_asked, "routing.publishing.receivers.routes_naming")
        connect(category_retirement_asked, "routing.publishing.receivers.routes_of_category")
        connect(needs_asked, "routing.publishing.needs.needs_of_routing")
        connect(needs_asked, "routing.webhooks.needs.needs_of_webhooks")
        connect(bake_off_finished, "routing.webhooks.receivers.announce_report")
        connect(table_published, "routing.webhooks.receivers.announce_table")
