"""Read-only admin of evals. Votes and leaderboards are append-only; the rest is written by services."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join

from arena.ui.admin import ReadOnlyAdmin, ReadOnlyInline
from evals.models import (
    Attempt,
    Ballot,
    Battle,
    Category,
    Contender,
    Generation,
    Leaderboard,
    Ledger,
    Provider,
    Reviewer,
    Run,
    Task,
    TaskSet,
    TaskSetVersion,
    Vote,
    VoteImport,
)
from evals.voting.category_settings import speak_for


@admin.register(Category)
class CategoryAdmin(ReadOnlyAdmin):
    """Name, guidelines and the audience it speaks for may be changed; the rest follows from votes."""

    list_display = ("slug", "name", "speaks_for", "single_reviewer", "retired_at")
    fields = ("slug", "name", "guidelines", "speaks_for", "single_reviewer", "retired_at", "created_at")
    readonly_fields = ("slug", "retired_at", "created_at")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(self, request: HttpRequest, obj: Category, form: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if {"speaks_for", "single_reviewer"} & set(form.changed_data):
                # Ratings depend on the audience: rank again, and its dimensions with it.
                speak_for(category=obj)


class AttemptInline(ReadOnlyInline):
    model = Attempt


@admin.register(Provider)
class ProviderAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "kind", "base_url", "locality", "has_key", "paused_until")
    # Not even the encrypted key, which is of no use here.
    exclude = ("api_key_encrypted",)

    @admin.display(boolean=True)
    def has_key(self, provider: Provider) -> bool:
        return bool(provider.api_key_encrypted or provider.api_key_env)


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    list_display = ("id", "contender", "task", "sample", "take", "state", "error", "finished_at")
    list_filter = ("state", "error")
    list_select_related = ("contender", "task")
    search_fields = ("contender__slug",)
    exclude = ("lease_token", "images")
    readonly_fields = ("shown_images",)
    inlines = (AttemptInline,)

    @admin.display(description="images")
    def shown_images(self, generation: Generation) -> str:
        numbers = range(1, len(generation.images) + 1)
        addresses = ((reverse("evals:generation-image", args=[generation.pk, n]), n) for n in numbers)
        return format_html_join(" ", '<a href="{}" target="_blank" rel="noopener">image {}</a>', addresses) or "none"


@admin.register(Vote)
class VoteAdmin(ReadOnlyAdmin):
    list_display = ("category", "seq", "reviewer", "lo", "hi", "outcome", "supersedes", "cast_at")
    list_filter = ("category", "outcome")
    list_select_related = ("category", "reviewer", "lo", "hi", "supersedes__category")


@admin.register(Leaderboard)
class LeaderboardAdmin(ReadOnlyAdmin):
    list_display = ("category", "seq", "revision", "votes", "reviewers", "method", "computed_at")
    list_filter = ("category",)
    list_select_related = ("category",)
    # Covariances of many contenders are not worth showing.
    exclude = ("result",)


@admin.register(Ballot)
class BallotAdmin(ReadOnlyAdmin):
    list_display = ("id", "reviewer", "battle", "left", "state", "shown_at", "closed_at")
    list_filter = ("state",)
    list_select_related = ("reviewer", "battle")
    # The token allows casting the vote.
    exclude = ("token",)


def _read_only(model: type[Model], *columns: str, search: tuple[str, ...] = (), related: tuple[str, ...] = ()) -> None:
    """A read-only page that shows `columns` of a model."""
    given = {"list_display": columns, "search_fields": search, "list_select_related": related or False}
    admin.site.register(model, type(f"{model.__name__}Admin", (ReadOnlyAdmin,), given))


_read_only(TaskSet, "slug", "name", "local_only", "created_at", search=("slug", "name"))
_read_only(TaskSetVersion, "task_set", "n", "source", "created_at", related=("task_set",))
_read_only(Task, "id", "category", "local_only", "created_at", search=("digest",), related=("category",))
_read_only(
    Contender,
    "slug",
    "provider",
    "model_name",
    "tier",
    "used_at",
    "retired_at",
    search=("slug",),
    related=("provider",),
)
_read_only(
    Run, "id", "version", "state", "reason", "started_by", "created_at", related=("version__task_set", "started_by")
)
_read_only(Battle, "id", "task", "lo", "hi", "created_at", related=("task", "lo", "hi"))
_read_only(Reviewer, "name", "handle", "excluded_at", "excluded_reason", search=("name", "handle"))
_read_only(VoteImport, "name", "rows", "sha256", "created_at")
_read_only(Ledger, "category", "seq", "revision", "ranked_seq", "ranked_revision", related=("category",))
