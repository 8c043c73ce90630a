"""Images on ballots: seen by the ballot's reviewer alone, as long as its page shows them, and telling nothing."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from evals.catalog.images.references import reference_to
from evals.models import Ballot, Generation
from evals.voting.reviewers import reviewer_of
from tests.evals.voting.conftest import World

from .pictures import BLUE, picture, read, store_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def ballot(make_user):
    """A prompt with two images; `granit` drew a small JPEG, `kiesel` a large WebP with metadata."""
    world = World().fill(contenders=0, tasks=0)
    asked = [store_image(picture("JPEG")).sha256, store_image(picture(color=BLUE)).sha256]
    parts = [{"type": "text", "text": "Draw this."}]
    parts += [{"type": "image_url", "image_url": {"url": reference_to(image)}} for image in asked]
    task = world.task("Draw this.")
    task.messages, task.images = [{"role": "user", "content": parts}], asked
    task.save()
    drawn = [picture("JPEG", size=(8, 8)), picture("WEBP", size=(64, 32), color=BLUE, lossless=True)]
    stored = [store_image(data, only_png=True) for data in drawn]
    lo, hi = (
        world.answer(task, world.contender(slug), text, images=[image.sha256])
        for slug, text, image in zip(("granit", "kiesel"), ("", "Here:"), stored, strict=True)
    )
    battle = task.battles.create(lo=lo, hi=hi)
    reviewer = reviewer_of(make_user("reviewer", "mara"))
    return Ballot.objects.create(
        battle=battle, category=battle.task.category, reviewer=reviewer, left="hi", reserved_until="2100-01-01T00:00Z"
    )


@pytest.fixture
def mara(client_of, ballot):
    return client_of(ballot.reviewer.user)


def address(ballot, place, n=1):
    return reverse("evals:battle-image", args=[ballot.token, place, n])


def test_the_page_shows_the_images_of_prompt_and_answers(mara, ballot):
    page = mara.get(reverse("evals:battle", args=[ballot.token])).text

    shown = re.findall(r'<a class="shot" href="([^"]+)"[^>]*><img src="([^"]+)" alt="([^"]+)"', page)
    assert [(src, alt) for _, src, alt in shown] == [
        (address(ballot, "prompt", 1), "Image 1 of the prompt"),
        (address(ballot, "prompt", 2), "Image 2 of the prompt"),
        (address(ballot, "left"), "Image 1 of answer A"),
        (address(ballot, "right"), "Image 1 of answer B"),
    ]
    assert all(href == src for href, src, _ in shown)
    assert "This answer is empty" not in page
    assert "image_url" not in page
    for image in [*ballot.battle.lo.images, *ballot.battle.hi.images, *ballot.battle.task.images]:
        assert image[:8] not in page


def test_each_side_is_served_as_it_is_drawn_for_this_reviewer(mara, ballot):
    left, right = (mara.get(address(ballot, side)) for side in ("left", "right"))

    assert (read(left.content).size, read(right.content).size) == ((64, 32), (8, 8))
    assert read(mara.get(address(ballot, "prompt", 1)).content).format == "JPEG"


def test_responses_differ_in_nothing_but_the_pixels(mara, ballot):
    def told(side):
        response = mara.get(address(ballot, side))
        kept = {
            name: value for name, value in response.headers.items() if name not in ("Content-Length", "X-Request-ID")
        }
        return response.status_code, kept, read(response.content).mode, read(response.content).info

    assert told("left") == told("right")
    headers = told("left")[1]
    assert (headers["Content-Type"], headers["Cache-Control"]) == ("image/png", "private, no-store")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert not {"Last-Modified", "ETag", "Expires"} & set(headers)


def test_only_the_ballots_reviewer_sees_them(mara, client, client_of, make_user, ballot):
    assert mara.get(address(ballot, "left")).status_code == 200
    assert client.get(address(ballot, "left")).status_code == 302
    for role, name in (("reviewer", "ole"), ("admin", "ada")):
        assert client_of(make_user(role, name)).get(address(ballot, "left")).status_code == 404
    assert client_of(make_user("viewer", "vera")).get(address(ballot, "left")).status_code == 403


@pytest.mark.parametrize(("place", "n"), [("left", 0), ("left", 2), ("prompt", 3), ("middle", 1), ("lo", 1)])
def test_what_is_not_there_is_not_found(mara, ballot, place, n):
    assert mara.get(address(ballot, place, n)).status_code == 404


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_they_are_gone_with_the_page_that_showed_them_and_back_after_an_undo(mara, ballot):
    mara.post(reverse("evals:battle", args=[ballot.token]), {"choice": "left"})
    assert mara.get(address(ballot, "left")).status_code == 404

    mara.post(reverse("evals:battle-undo", args=[ballot.token]))
    assert mara.get(address(ballot, "left")).status_code == 200

    Generation.objects.filter(pk=ballot.battle.lo_id).update(quarantine="names itself")
    assert mara.get(address(ballot, "left")).status_code == 404


def test_answers_that_differ_in_their_images_alone_are_worth_a_vote(make_user):
    from evals.voting.drawing import draw

    world = World().fill(contenders=0, tasks=0)
    one, other = world.contender("granit"), world.contender("kiesel")
    same, differs = world.task("Same."), world.task("Differs.")
    images = [store_image(picture(color=(n, n, n)), only_png=True).sha256 for n in (10, 200)]
    for task, both in ((same, images[:1] * 2), (differs, images)):
        for contender, image in zip((one, other), both, strict=True):
            world.answer(task, contender, "", images=[image])

    reviewer = reviewer_of(make_user("reviewer", "mara"))
    drawn = draw(category=world.category, reviewer=reviewer)

    assert drawn is not None
    assert drawn.battle.task == differs


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_readers_of_answers_get_their_images_by_page_and_by_api(client_of, make_user, ballot):
    generation = ballot.battle.hi
    editor, viewer = client_of(make_user("editor", "ed")), client_of(make_user("viewer", "vera"))
    page = reverse("evals:generation-image", args=[generation.pk, 1])

    assert read(editor.get(page).content).size == (64, 32)
    assert viewer.get(page).status_code == 403
    body = editor.get(f"/api/v1/generations/{generation.pk}").json()
    assert body["images"] == [f"http://testserver/api/v1/generations/{generation.pk}/images/1"]
    assert editor.get(body["images"][0]).content == editor.get(page).content
    assert viewer.get(body["images"][0]).status_code == 403
    admin = client_of(make_user("admin", "ada")).get(f"/admin/evals/generation/{generation.pk}/change/")
    assert page in admin.text
