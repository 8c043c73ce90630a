"""The admin site shows rows to admins, and changes next to nothing."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from django.utils.timezone import now
from django_q.models import Failure, OrmQ, Schedule, Success

import arena.urls  # noqa: F401  (finds the admin pages)
from arena.models import ApiToken, Role, User
from arena.sealing import seal
from evals.models import Category, Ledger, Provider
from routing.models import Delivery, Webhook, WebhookSecret

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.runs_once(on="sqlite", because="what pages say; tests/routing/test_links.py opens them on PostgreSQL"),
]

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def as_admin(client_of, admin_user: User):
    return client_of(admin_user)


@pytest.mark.parametrize("model", [Schedule, Success, Failure, OrmQ])
def test_nobody_names_a_function_for_the_worker_to_call(model):
    assert not admin.site.is_registered(model)


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_every_list_opens_and_nothing_is_added_or_deleted(as_admin, rf, admin_user, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert as_admin.get(reverse(f"{name}_changelist")).status_code == 200
    assert as_admin.get(reverse(f"{name}_add")).status_code == 403
    request = rf.get("/")
    request.user = admin_user
    page = admin.site._registry[model]
    assert not page.has_delete_permission(request)
    assert page.has_change_permission(request) == (model is Category)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER, Role.EDITOR])
def test_nobody_but_an_admin_gets_in(make_user, client_of, role: Role):
    answer = client_of(make_user(role)).get(reverse("admin:evals_generation_changelist"))
    assert answer.status_code == 302


def test_a_providers_row_shows_no_key(as_admin):
    provider = Provider.objects.create(
        slug="p", name="P", base_url="http://127.0.0.1:1/v1", api_key_encrypted="gAAAA-cipher"
    )
    page = as_admin.get(reverse("admin:evals_provider_change", args=[provider.pk])).content.decode()
    assert "gAAAA-cipher" not in page


def test_every_table_of_routing_has_a_page():
    assert [model for model in apps.get_app_config("routing").get_models() if model not in REGISTERED] == []


def test_the_pages_pass_djangos_checks():
    """`manage.py check` may look at the site before the addresses are loaded, and with them the pages."""
    assert admin.site.check(None) == []


def test_a_webhooks_rows_show_no_secret_and_no_lease(as_admin):
    webhook = Webhook.objects.create(url="https://receiver.example/hook", created_by="ada")
    secret = WebhookSecret.objects.create(webhook=webhook, sealed=seal("whsec_top"), created_by="ada")
    lease = uuid4()
    delivery = Delivery.objects.create(
        webhook=webhook, message_id="m-1", event="table.published", body="{}", lease_token=lease, lease_until=now()
    )
    for row in (webhook, secret, delivery):
        url = reverse(f"admin:routing_{row._meta.model_name}_change", args=[row.pk])
        page = as_admin.get(url)
        assert page.status_code == 200
        assert not any(text in page.content.decode() for text in (secret.sealed, "whsec_top", str(lease)))


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_token_is_ended_by_an_action(as_admin):
    token, _ = ApiToken.objects.create_key(name="program", scopes=["evals:read"])
    as_admin.post(reverse("admin:arena_apitoken_changelist"), {"action": "revoke", "_selected_action": [token.pk]})
    token.refresh_from_db()
    assert token.revoked


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_changing_whom_a_category_speaks_for_ranks_it_again(as_admin):
    category = Category.objects.create(slug="code", name="Code")
    url = reverse("admin:evals_category_change", args=[category.pk])
    as_admin.post(url, {"name": "Code", "guidelines": "Shorter is better.", "speaks_for": "panel"})
    assert not Ledger.objects.filter(revision__gt=0).exists()
    as_admin.post(url, {"name": "Code", "guidelines": "", "speaks_for": "people"})
    assert Ledger.objects.get().revision == 1
