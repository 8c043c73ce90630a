"""Sessions: they begin with signing in, say whose they are, and end with any change of what somebody may do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from arena.accounts.chores import clear
from arena.accounts.services import (
    change_person,
    create_sign_in_link,
    link_owner,
    raise_to_reviewer,
    save_person,
    use_sign_in_link,
)
from arena.accounts.sessions import browser_of, end_sessions, open_sessions
from arena.models import PersonSession, Role, SignInLink, User

pytestmark = pytest.mark.django_db
HOME = "/accounts/settings/"


def signed_in(user: User, agent: str = "Firefox") -> Client:
    client = Client(headers={"user-agent": agent})
    answer = client.post(reverse("accounts:link", args=[create_sign_in_link(user=user)]))
    assert answer.status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get(HOME).status_code == 200


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.parametrize(("role", "active"), [(Role.EDITOR, False), (Role.REVIEWER, True), (Role.ADMIN, True)], ids=str)
def test_a_change_ends_sessions_and_links_for_good(admin_user: User, editor_user: User, role: Role, active: bool):
    browser, link = signed_in(editor_user), create_sign_in_link(user=editor_user)
    change_person(person=editor_user, role=role, active=active, actor=admin_user)
    assert not is_in(browser)
    assert use_sign_in_link(token=link) is None
    # Back as they were: nothing from before lives again.
    change_person(person=editor_user, role=Role.EDITOR, active=True, actor=admin_user)
    assert not is_in(browser)
    assert link_owner(link) is None
    assert use_sign_in_link(token=link) is None
    assert is_in(signed_in(editor_user))


def test_a_session_kept_from_before_a_change_signs_nobody_in(admin_user: User, editor_user: User):
    """One whose row is written back while the change is made: by a request that was under way."""
    browser = signed_in(editor_user)
    kept = PersonSession.objects.get(user=editor_user)
    change_person(person=editor_user, role=Role.REVIEWER, active=True, actor=admin_user)
    kept.save(force_insert=True)
    assert not is_in(browser)


def test_a_change_of_nothing_ends_nothing(admin_user: User, editor_user: User):
    browser = signed_in(editor_user)
    change_person(person=editor_user, role=Role.EDITOR, active=True, actor=admin_user)
    assert is_in(browser)


def test_the_command_that_gives_another_role_ends_them_too(editor_user: User):
    browser = signed_in(editor_user)
    save_person(username=editor_user.username, role=Role.ADMIN)
    assert not is_in(browser)


def test_whoever_is_raised_by_an_invitation_signs_in_elsewhere_again(admin_user: User, viewer_user: User):
    link = create_sign_in_link(user=viewer_user)
    raise_to_reviewer(person=viewer_user, actor=admin_user)
    assert link_owner(link) is None


def test_an_admin_who_changes_themselves_stays_where_they_are(make_user, admin_user: User):
    make_user(Role.ADMIN, "another")
    here, elsewhere = signed_in(admin_user), signed_in(admin_user)
    here.post(reverse("accounts:person-change", args=[admin_user.pk]), {"role": "editor", "active": "1"})
    assert (is_in(here), is_in(elsewhere)) == (True, False)
    assert here.get("/accounts/people/").status_code == 403


def test_there_is_no_session_before_one_signs_in(editor_user: User):
    stranger = Client()
    for path in ("/", "/accounts/sign-in/", "/accounts/sign-in/?next=/runs/", "/runs/", "/vote/", "/accounts/people/"):
        stranger.get(path)
    assert not PersonSession.objects.exists()
    assert "sessionid" not in stranger.cookies


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_one_sees_and_ends_ones_own_sessions_and_an_admin_anybodys(admin_user: User, editor_user: User):
    here, elsewhere = signed_in(editor_user, "<b>this</b>"), signed_in(editor_user, "Wide\x00 there")
    page = here.get(reverse("accounts:session-list")).content.decode()
    assert page.count('aria-label="End session') == 1
    assert "&lt;b&gt;this" in page
    assert "Wide there" in page
    assert "this one" in page
    for one in PersonSession.objects.all():
        assert one.session_key not in page
    [there] = [one for one in open_sessions(editor_user) if one.browser == "Wide there"]
    here.post(reverse("accounts:session-end"), {"id": there.id})
    assert (is_in(here), is_in(elsewhere)) == (True, False)

    admin = signed_in(admin_user)
    theirs = reverse("accounts:person-session-end", args=[editor_user.pk])
    assert here.post(theirs).status_code == 403
    assert "Sessions of" in admin.get(reverse("accounts:person-session-list", args=[editor_user.pk])).text
    admin.post(theirs)
    assert (is_in(here), is_in(admin)) == (False, True)


def test_nobody_ends_a_session_of_somebody_else_by_its_name(admin_user: User, editor_user: User):
    admin, editor = signed_in(admin_user), signed_in(editor_user)
    [one] = open_sessions(admin_user)
    editor.post(reverse("accounts:session-end"), {"id": one.id})
    assert is_in(admin)
    assert end_sessions(editor_user, ids=[one.id]) == 0


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_session_ends_unused_and_when_it_is_old(editor_user: User, settings):
    settings.SESSION_COOKIE_AGE, settings.ARENA_SESSION_LIFETIME_S = 1000, 5000
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        unused, used = signed_in(editor_user), signed_in(editor_user)
        for seconds in range(0, 5000, 900):
            clock.move_to(start + timedelta(seconds=seconds))
            session = used.session
            session["slid_at"] = 0
            session.save()
            assert is_in(used), seconds
        assert not is_in(unused)
        clock.move_to(start + timedelta(seconds=5001))
        assert not is_in(used)
        assert PersonSession.objects.count() == 2
        clear()
        assert not PersonSession.objects.exists()


@pytest.mark.parametrize(
    ("agent", "browser"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "A browser without a name"),
    ],
)
def test_browsers_have_the_names_that_people_know(agent: str, browser: str):
    assert browser_of(agent) == browser


def test_old_links_are_cleared(editor_user: User):
    create_sign_in_link(user=editor_user)
    clear()
    assert SignInLink.objects.exists()
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        clear()
    assert not SignInLink.objects.exists()


@pytest.mark.on_both(because="two admins wait for the person's row")
@pytest.mark.django_db(transaction=True)
def test_of_links_made_at_once_the_last_one_works(make_user):
    user = make_user(Role.EDITOR)

    def make(_: int) -> str:
        try:
            return create_sign_in_link(user=user)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        tokens = list(pool.map(make, range(6)))
    assert sum(link_owner(token) is not None for token in tokens) == 1


def test_an_admin_ends_a_link(admin_user: User, editor_user: User):
    admin, token = signed_in(admin_user), create_sign_in_link(user=editor_user)
    people = reverse("accounts:people")
    assert "End the link" in admin.get(people).content.decode()
    admin.post(reverse("accounts:person-link-end", args=[editor_user.pk]))
    assert link_owner(token) is None
    assert "End the link" not in admin.get(people).content.decode()


def test_cookies_of_production_are_of_this_host_alone(settings):
    names = ("SESSION_COOKIE_DOMAIN", "CSRF_COOKIE_DOMAIN", "SESSION_COOKIE_PATH", "CSRF_COOKIE_PATH")
    assert [getattr(settings, name) for name in names] == [None, None, "/", "/"]
