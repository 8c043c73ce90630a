"""Who may open what: the owner's role, a lower one, and a stranger."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from arena.models import Role, User

pytestmark = pytest.mark.django_db

# Page, and the lowest role that may open it.
PAGES = [
    ("accounts:settings", Role.VIEWER),
    ("accounts:people", Role.ADMIN),
    ("evals:provider-list", Role.VIEWER),
    ("evals:provider-new", Role.ADMIN),
    ("evals:contender-list", Role.VIEWER),
    ("evals:contender-new", Role.EDITOR),
]


@pytest.mark.parametrize(("name", "needed"), PAGES)
@pytest.mark.parametrize("role", list(Role))
def test_a_page_opens_from_its_role_upwards(make_user, client_of, name: str, needed: Role, role: Role):
    answer = client_of(make_user(role)).get(reverse(name))
    assert answer.status_code == (200 if role.rank >= needed.rank else 403)


@pytest.mark.parametrize("name", [name for name, _ in PAGES])
def test_a_stranger_is_sent_to_sign_in(name: str):
    answer = Client().get(reverse(name))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("accounts:sign-in"))


@pytest.mark.parametrize("role", list(Role))
def test_somebody_deactivated_is_a_stranger(make_user, client_of, role: Role):
    user = make_user(role)
    client = client_of(user)
    User.objects.update(is_active=False)
    assert client.get(reverse("evals:contender-list")).status_code == 302


def test_a_refusal_says_which_role_is_needed(client_of, reviewer_user: User):
    page = client_of(reviewer_user).get(reverse("evals:contender-new"))
    assert page.status_code == 403
    assert "This needs the role editor; yours is reviewer." in page.content.decode()


def test_a_part_asked_for_by_htmx_sends_the_whole_page_to_sign_in(editor_user: User):
    """Else the sign-in page would be put into a corner of the page."""
    answer = Client().get(
        reverse("evals:contender-list"),
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/contenders/"},
    )
    assert answer.status_code == 200
    assert answer["HX-Redirect"] == f"{reverse('accounts:sign-in')}?next=/contenders/"


def test_a_post_comes_back_to_a_page_not_to_the_post():
    answer = Client().post(reverse("accounts:settings"))
    assert answer["Location"] == f"{reverse('accounts:sign-in')}?next={reverse('home')}"


def test_the_admin_site_signs_in_by_link_too(client_of, admin_user: User, editor_user: User):
    answer = Client().get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("accounts:sign-in"))
    assert "password" not in answer.content.decode().replace("no passwords", "")
    assert client_of(admin_user).get("/admin/").status_code == 200
    assert client_of(editor_user).get("/admin/").status_code == 302


def test_who_lost_the_admin_role_lost_the_admin_site(client_of, admin_user: User):
    client = client_of(admin_user)
    admin_user.role = Role.EDITOR
    admin_user.save(update_fields=["role"])
    assert client.get("/admin/").status_code == 302
