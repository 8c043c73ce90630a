from django.apps import AppConfig
from django.db.models.signals import post_migrate

from arena.receivers import connect
from arena.triggers import Trigger, append_only
from evals.counters import FOLLOWERS
from evals.signals import contender_retired

_FROZEN_CHANGED = " OR ".join(
    f'CAST(OLD."{column}" AS TEXT) <> CAST(NEW."{column}" AS TEXT)'
    for column in ("slug", "family", "revision", "provider_id", "model_name", "settings", "kind", "base_url")
)


class EvalsConfig(AppConfig):
    name = "evals"
    default_auto_field = "django.db.models.BigAutoField"
    triggers = (
        *append_only("evals_vote", "votes"),
        *append_only("evals_leaderboard", "leaderboards"),
        *append_only("evals_stylereport", "reports on style"),
        *append_only("evals_quarantineact", "acts on quarantine cases"),
        *append_only("evals_bakeoffround", "the rounds of a bake-off"),
        *append_only("evals_bakeoffreport", "reports of bake-offs"),
        Trigger(
            "evals_contender",
            "UPDATE",
            "a contender in use is frozen: make a new revision",
            when=f"OLD.used_at IS NOT NULL AND (NEW.used_at IS NULL OR {_FROZEN_CHANGED})",
            suffix="_of_frozen",
        ),
        *FOLLOWERS,
    )

    def ready(self) -> None:
        connect(contender_retired, "evals.voting.receivers.rank_again")
        # After the triggers are back: `arena` connects its receiver first.
        connect(post_migrate, "evals.models.counts.recount_after_migrate")
