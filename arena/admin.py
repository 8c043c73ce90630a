"""The admin site: rows, read-only, for admins. Changes are made on the pages, through services."""

from __future__ import annotations

# Imported so that their admins are registered by now: ours is loaded first, and takes them out again.
import django.contrib.auth.admin  # noqa: F401
import django_q.admin  # noqa: F401
import rest_framework_api_key.admin  # noqa: F401
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success
from rest_framework_api_key.models import APIKey

from arena.models import ApiToken, SignInLink, User
from arena.ui.admin import ReadOnlyAdmin

# A schedule or a queued chore names any Python function, and the worker calls it: `os.system` runs. Schedules have a
# page of their own with a closed list. Groups and plain API keys are not used at all.
for model in (Schedule, Success, Failure, OrmQ, APIKey, Group):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

admin.site.site_header = admin.site.site_title = "Arena"
admin.site.index_title = "Rows"


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """Roles and links are given on the People page."""

    list_display = ("username", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("username", "first_name", "last_name")
    fields = ("username", "first_name", "last_name", "role", "is_active", "voting_keys", "last_login", "date_joined")


@admin.register(SignInLink)
class SignInLinkAdmin(ReadOnlyAdmin):
    list_display = ("user", "created_at", "expires_at", "used_at")
    fields = ("user", "created_at", "expires_at", "used_at")
    list_select_related = ("user",)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Made by `manage.py create_token`; ended here."""

    list_display = ("name", "prefix", "scopes", "created", "expiry_date", "revoked")
    list_filter = ("revoked",)
    search_fields = ("name", "prefix")
    fields = ("name", "prefix", "scopes", "created", "expiry_date", "revoked")
    actions = ("revoke",)

    @admin.action(description="Revoke the selected tokens for good")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        n = queryset.filter(revoked=False).update(revoked=True)
        self.message_user(request, f"{n} revoked. Programs that use them are refused from now on.")
