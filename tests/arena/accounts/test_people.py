"""An admin adds people, gives roles, and makes links that are shown once."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import update_last_login
from django.test import Client
from django.urls import reverse

from arena.accounts.forms import SettingsForm
from arena.accounts.services import PersonError, change_person
from arena.models import Role, SignInLink, User

pytestmark = pytest.mark.django_db

PEOPLE = "/accounts/people/"


def link_on(page: str) -> str:
    found = re.search(r"http://testserver(/accounts/link/[^<]+)", page)
    assert found
    return found[1]


def test_an_admin_adds_somebody_who_signs_in_by_the_link_shown(client_of, admin_user: User):
    page = client_of(admin_user).post(PEOPLE, {"username": "mara", "role": "reviewer"})
    assert "no-store" in page["Cache-Control"]
    newcomer = Client()
    assert newcomer.post(link_on(page.content.decode())).status_code == 302
    assert newcomer.session["_auth_user_id"] == str(User.objects.get(username="mara", role="reviewer").pk)


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_link_is_not_shown_again(client_of, admin_user: User):
    client = client_of(admin_user)
    client.post(PEOPLE, {"username": "mara", "role": "reviewer"})
    assert "/accounts/link/" not in client.get(PEOPLE).content.decode()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_link_for_somebody_known(client_of, admin_user: User, editor_user: User):
    page = client_of(admin_user).post(reverse("accounts:person-link", args=[editor_user.pk]))
    client = Client()
    client.post(link_on(page.content.decode()))
    assert client.session["_auth_user_id"] == str(editor_user.pk)


def test_a_name_is_given_once(client_of, admin_user: User, editor_user: User):
    page = client_of(admin_user).post(PEOPLE, {"username": editor_user.username.upper(), "role": "viewer"})
    assert "already exists" in page.content.decode()
    assert not SignInLink.objects.exists()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_change_of_role_is_written_down(client_of, admin_user: User, editor_user: User):
    client_of(admin_user).post(
        reverse("accounts:person-change", args=[editor_user.pk]), {"role": "reviewer", "active": "1"}
    )
    editor_user.refresh_from_db()
    assert (editor_user.role, editor_user.is_active) == (Role.REVIEWER, True)
    entry = LogEntry.objects.get()
    assert entry.user == admin_user
    assert entry.get_change_message() == "Role editor to reviewer, active"


def test_a_deactivated_person_is_out_at_once_and_may_come_back(client_of, admin_user: User, editor_user: User):
    theirs, admins = client_of(editor_user), client_of(admin_user)
    change = reverse("accounts:person-change", args=[editor_user.pk])
    admins.post(change, {"role": "editor", "active": ""})
    assert theirs.get("/contenders/").status_code == 302
    assert admins.post(reverse("accounts:person-link", args=[editor_user.pk])).status_code == 404
    admins.post(change, {"role": "editor", "active": "1"})
    editor_user.refresh_from_db()
    assert editor_user.is_active


@pytest.mark.parametrize(("role", "active"), [(Role.EDITOR, True), (Role.ADMIN, False)])
def test_the_last_admin_stays(admin_user: User, role: Role, active: bool):
    with pytest.raises(PersonError, match="only admin"):
        change_person(person=admin_user, role=role, active=active, actor=admin_user)
    admin_user.refresh_from_db()
    assert (admin_user.role, admin_user.is_active) == (Role.ADMIN, True)


def test_one_of_two_admins_may_go(make_user, admin_user: User):
    second = make_user(Role.ADMIN, "second")
    change_person(person=admin_user, role=Role.EDITOR, active=True, actor=second)
    admin_user.refresh_from_db()
    assert (admin_user.is_staff, admin_user.is_superuser) == (False, False)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER, Role.EDITOR])
def test_nobody_else_changes_people(make_user, client_of, admin_user: User, role: Role):
    client = client_of(make_user(role))
    assert client.post(PEOPLE, {"username": "mara", "role": "admin"}).status_code == 403
    assert client.post(reverse("accounts:person-link", args=[admin_user.pk])).status_code == 403
    change = reverse("accounts:person-change", args=[admin_user.pk])
    assert client.post(change, {"role": "viewer", "active": "1"}).status_code == 403
    assert not SignInLink.objects.exists()
    assert not User.objects.filter(username="mara").exists()


def test_settings_change_ones_own_name_and_nothing_else(client_of, editor_user: User):
    client_of(editor_user).post(
        "/accounts/settings/", {"first_name": "Mara", "last_name": "Lind", "role": "admin", "is_staff": "1"}
    )
    editor_user.refresh_from_db()
    assert editor_user.name == "Mara Lind"
    assert (editor_user.role, editor_user.is_staff) == (Role.EDITOR, False)


def test_saving_ones_settings_or_signing_in_brings_no_role_back(admin_user: User):
    """Both may have read the person just before an admin changed them."""
    before = User.objects.get(pk=admin_user.pk)
    User.objects.filter(pk=admin_user.pk).update(role=Role.VIEWER, is_staff=False, is_superuser=False, is_active=False)
    form = SettingsForm({"first_name": "Mara"}, instance=before)
    assert form.is_valid()
    form.save()
    update_last_login(None, before)
    now = User.objects.get(pk=admin_user.pk)
    assert now.first_name == "Mara"
    assert (now.role, now.is_staff, now.is_superuser, now.is_active) == (Role.VIEWER, False, False, False)
