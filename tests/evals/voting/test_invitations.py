"""Links that make people reviewers: used by a POST alone, within their limit and time, for no more than voting."""

from datetime import timedelta
from functools import partial

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from arena.accounts.services import token_digest
from arena.models import Role, User
from evals.models import Invitation, InvitationUse, ReviewerGroup
from evals.voting.invitations import InvitationError, accept, accept_as, invitations, invite, revoke

from .test_concurrency import at_once

pytestmark = pytest.mark.on_both(because="an invitation is taken by a conditional UPDATE")


@pytest.fixture
def group(db):
    return ReviewerGroup.objects.create(slug="support", name="Support")


@pytest.fixture
def link(group, editor_user):
    """The address of a link for two people."""
    return reverse("evals:join", args=[invite(label="us", group=group, most_uses=2, days=7, actor=editor_user)])


def form(page, name="Mara Lindqvist"):
    """What a browser sends: the page's own hidden fields."""
    return {"name": name, "form_key": page.context["form"]["form_key"].value()}


def test_opening_a_link_uses_nothing_and_sending_its_form_makes_a_reviewer(link, group):
    browser = Client()
    for _ in range(3):
        page = browser.get(link)
        assert "Support" in page.text
        browser.head(link)
    assert Invitation.objects.get().uses == 0
    before = browser.session.session_key
    assert browser.post(link, form(page)).url == "/vote/"
    mara = User.objects.get(first_name="Mara Lindqvist")
    assert (mara.role, mara.username, mara.is_staff, mara.is_superuser) == (
        Role.REVIEWER,
        "mara.lindqvist",
        False,
        False,
    )
    assert not mara.has_usable_password()
    assert browser.session["_auth_user_id"] == str(mara.pk)
    assert browser.session.session_key != before
    assert list(group.reviewers.values_list("user", flat=True)) == [mara.pk]
    assert Invitation.objects.get().uses == 1


def test_a_form_sent_twice_is_one_person(link):
    first, second = Client(), Client()
    sent = form(first.get(link))
    first.post(link, sent)
    second.post(link, sent)
    assert User.objects.filter(role=Role.REVIEWER).count() == 1
    assert second.session["_auth_user_id"] == first.session["_auth_user_id"]
    assert Invitation.objects.get().uses == 1


def test_people_of_one_name_are_two_people(link):
    for _ in range(2):
        browser = Client()
        browser.post(link, form(browser.get(link)))
    names = list(User.objects.filter(first_name="Mara Lindqvist").values_list("username", flat=True))
    assert len(set(names)) == 2
    assert Client().get(link).status_code == 410


@pytest.mark.parametrize("name", ["", " \u202e ", "m" * 151])
def test_a_name_that_is_none_makes_nobody(link, name):
    browser = Client()
    page = browser.post(link, form(browser.get(link), name))
    assert page.status_code == 200
    assert page.context["form"].errors["name"]
    assert not User.objects.filter(role=Role.REVIEWER).exists()
    assert Invitation.objects.get().uses == 0


@pytest.mark.parametrize("ends", ["expired", "revoked", "unknown"])
def test_a_link_that_has_ended_makes_nobody(link, editor_user, ends):
    browser = Client()
    sent = form(browser.get(link))
    if ends == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif ends == "revoked":
        assert revoke(invitation=Invitation.objects.get(), actor=editor_user)
    else:
        link = reverse("evals:join", args=["made-up"])
    assert browser.get(link).status_code == 410
    assert browser.post(link, sent).status_code == 410
    assert not User.objects.filter(role=Role.REVIEWER).exists()


@pytest.mark.parametrize("role", list(Role))
def test_somebody_signed_in_joins_as_who_they_are(link, group, make_user, role):
    person = make_user(role, f"own-{role.value}")
    browser = Client()
    browser.force_login(person)
    for _ in range(2):
        assert browser.post(link).url == "/vote/"
    person.refresh_from_db()
    assert person.role == (Role.REVIEWER if role == Role.VIEWER else role)
    assert group.reviewers.get().user == person
    assert Invitation.objects.get().uses == 1


def test_only_the_digest_is_stored_and_the_list_says_how_often_it_was_used(group, editor_user, client_of):
    token = invite(label="Mara", group=None, most_uses=3, days=1, actor=editor_user)
    assert Invitation.objects.get().token_sha256 == token_digest(token)
    accept(token=token, name="Jo", form_key="")
    page = client_of(editor_user).get("/reviewers/invitations/").text
    assert token not in page
    assert "1 of 3" in page
    assert "a-editor" in page
    made = client_of(editor_user).post(
        "/reviewers/invitations/", {"label": "Ben", "group": group.pk, "most_uses": 5, "days": 3}
    )
    assert "/join/" in made.text
    assert [line.label for line in invitations(limit=5)] == ["Ben", "Mara"]


@pytest.mark.parametrize("wrong", [{"most_uses": 0}, {"most_uses": 1001}, {"days": 0}, {"days": 91}, {"label": " "}])
def test_a_link_has_limits(editor_user, wrong):
    with pytest.raises(InvitationError, match="1 to"):
        invite(**({"label": "us", "group": None, "most_uses": 1, "days": 1, "actor": editor_user} | wrong))


@pytest.mark.django_db(transaction=True)
def test_uses_go_to_as_many_people_as_there_are(make_user):
    editor = make_user(Role.EDITOR)
    token = invite(label="us", group=None, most_uses=3, days=1, actor=editor)

    def attempt(n):
        try:
            return accept(token=token, name="Mara", form_key=f"form {n}")
        except InvitationError:
            return None

    at_once([partial(accept_as, token=token, person=editor)] * 3)
    made = [one for one in at_once([partial(attempt, n) for n in range(6)]) if one is not None]
    assert len({one.pk for one in made}) == 2
    assert User.objects.filter(role=Role.REVIEWER).count() == 2
    assert InvitationUse.objects.count() == Invitation.objects.get().uses == 3
    with pytest.raises(InvitationError):
        accept_as(token=token, person=make_user(Role.ADMIN))
