"""A link signs one person in, once."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import update_last_login
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from arena.accounts.services import create_sign_in_link, link_owner, use_sign_in_link
from arena.models import PersonSession, Role, SignInLink, User

pytestmark = pytest.mark.django_db


def address(token: str) -> str:
    return reverse("accounts:link", args=[token])


def test_a_link_signs_in_and_then_is_spent(editor_user: User):
    token = create_sign_in_link(user=editor_user)
    first, second = Client(), Client()
    answer = first.post(address(token))
    assert answer.status_code == 302
    assert first.get(reverse("accounts:settings")).status_code == 200
    assert second.post(address(token)).status_code == 410
    assert "_auth_user_id" not in second.session


def test_opening_a_link_spends_nothing(editor_user: User):
    """Mail and chat programs open links by themselves, several times."""
    token = create_sign_in_link(user=editor_user)
    robot = Client()
    for _ in range(3):
        page = robot.get(address(token))
        assert page.status_code == 200
        assert f"Sign in as {editor_user.name}" in page.content.decode()
        assert robot.head(address(token)).status_code == 200
    assert "_auth_user_id" not in robot.session
    assert Client().post(address(token)).status_code == 302


def test_the_link_page_is_kept_by_no_cache_and_told_to_no_other_site(editor_user: User):
    page = Client().get(address(create_sign_in_link(user=editor_user)))
    assert "no-store" in page["Cache-Control"]
    assert page["Referrer-Policy"] == "same-origin"


def test_only_the_digest_of_a_link_is_stored(editor_user: User):
    token = create_sign_in_link(user=editor_user)
    link = SignInLink.objects.get()
    assert link.token_sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert all(token not in str(value) for value in SignInLink.objects.values().get().values())


@pytest.mark.parametrize(("known", "minutes"), [(True, 15), (False, 60)])
def test_a_link_ends_soon(editor_user: User, known: bool, minutes: int):
    if known:
        update_last_login(None, editor_user)
    token = create_sign_in_link(user=editor_user)
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes - 1)):
        assert link_owner(token) == editor_user
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes + 1)):
        assert link_owner(token) is None
        assert Client().get(address(token)).status_code == 410
        assert Client().post(address(token)).status_code == 410


def test_a_deactivated_person_cannot_use_a_link(editor_user: User):
    token = create_sign_in_link(user=editor_user)
    User.objects.filter(pk=editor_user.pk).update(is_active=False)
    assert Client().post(address(token)).status_code == 410


def test_a_made_up_link_says_the_same_as_a_spent_one(editor_user: User):
    token = create_sign_in_link(user=editor_user)
    use_sign_in_link(token=token)
    spent, made_up = Client().get(address(token)), Client().get(address("no-such-token"))
    assert spent.status_code == made_up.status_code == 410
    assert "This link is not valid" in spent.content.decode()
    assert "This link is not valid" in made_up.content.decode()


def test_signing_in_starts_a_new_session(editor_user: User):
    """A session that somebody else planted in the browser is not the one that becomes signed in."""
    client = Client()
    client.force_login(editor_user)
    planted = client.session.session_key
    client.post(address(create_sign_in_link(user=editor_user)))
    assert client.session.session_key != planted
    assert not PersonSession.objects.filter(session_key=planted).exists()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_link_for_another_person_ends_the_first_session(editor_user: User, admin_user: User):
    client = Client()
    client.force_login(editor_user)
    client.session["left_by"] = "editor"
    client.post(address(create_sign_in_link(user=admin_user)))
    assert client.session["_auth_user_id"] == str(admin_user.pk)
    assert "left_by" not in client.session


def test_one_comes_back_to_the_page_one_asked_for(editor_user: User):
    client = Client()
    page = client.get(reverse("accounts:settings"))
    assert page["Location"] == f"{reverse('accounts:sign-in')}?next={reverse('accounts:settings')}"
    client.get(page["Location"])
    answer = client.post(address(create_sign_in_link(user=editor_user)))
    assert answer["Location"] == reverse("accounts:settings")


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "http:evil"])
def test_one_is_sent_to_no_other_site(editor_user: User, target: str):
    client = Client()
    client.get(reverse("accounts:sign-in"), {"next": target})
    answer = client.post(address(create_sign_in_link(user=editor_user)))
    assert answer["Location"] == reverse("home")


def test_the_sign_in_page_asks_for_nothing_and_explains_both_ways():
    page = Client().get(reverse("accounts:sign-in")).content.decode()
    assert "manage.py sign_in_link" in page
    assert "Ask an Arena admin" in page
    assert '<input type="text"' not in page


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_signing_out_is_a_post(editor_user: User):
    client = Client()
    client.force_login(editor_user)
    assert client.get(reverse("accounts:sign-out")).status_code == 405
    assert client.post(reverse("accounts:sign-out")).status_code == 302
    assert "_auth_user_id" not in client.session


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_post_without_its_csrf_token_signs_nobody_in(editor_user: User):
    token = create_sign_in_link(user=editor_user)
    assert Client(enforce_csrf_checks=True).post(address(token)).status_code == 403
    assert link_owner(token) == editor_user


@pytest.mark.on_both(because="two race for the same rows")
@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_a_link_at_once_one_gets_in(make_user):
    token = create_sign_in_link(user=make_user(Role.EDITOR))

    def use(_: int) -> User | None:
        try:
            return use_sign_in_link(token=token)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(use, range(8)))
    assert sum(user is not None for user in got) == 1


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_command_makes_the_person_and_prints_the_link_last():
    out = StringIO()
    call_command("sign_in_link", "mara", role="reviewer", base_url="https://arena.example/", stdout=out)
    link = out.getvalue().splitlines()[-1]
    assert link.startswith("https://arena.example/accounts/link/")
    user = User.objects.get(username="mara")
    assert user.role == Role.REVIEWER
    assert not user.has_usable_password()
    assert Client().post(link.removeprefix("https://arena.example")).status_code == 302


def test_the_command_leaves_a_known_role_alone_unless_told(editor_user: User):
    call_command("sign_in_link", editor_user.username, stdout=StringIO())
    editor_user.refresh_from_db()
    assert editor_user.role == Role.EDITOR
    call_command("sign_in_link", editor_user.username, role="admin", stdout=StringIO())
    editor_user.refresh_from_db()
    assert (editor_user.role, editor_user.is_staff, editor_user.is_superuser) == (Role.ADMIN, True, True)


@pytest.mark.parametrize("name", ["two words", "a/b", "", "x" * 151])
def test_the_command_refuses_a_name_that_is_none(name: str):
    with pytest.raises(CommandError):
        call_command("sign_in_link", name, stdout=StringIO())
    assert not User.objects.exists()


def test_the_command_refuses_somebody_deactivated(editor_user: User):
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="deactivated"):
        call_command("sign_in_link", editor_user.username, stdout=StringIO())
