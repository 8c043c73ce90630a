"""How a category is voted on, as editors set it: settings, reasons, and the dimensions of its rubric."""

import pytest

from evals.models import Category, Reason, ReasonTally
from evals.voting.casting import InvalidVoteError, Remarks, cast_vote
from evals.voting.category_settings import (
    MOST_DIMENSIONS,
    CategorySettingsError,
    add_dimension,
    add_reason,
    change_reason,
    retire_dimension,
    retire_reason,
)
from evals.voting.drawing import draw

from .conftest import count_now

pytestmark = pytest.mark.runs_once(on="sqlite", because="what pages and plain services do")


@pytest.fixture
def category(world):
    return world.category


def settings(**changes):
    return {"guidelines": "Be **brief**.", "overlap": 3, "gold_percent": 10, "ask_strength": "on"} | changes


def test_an_editor_saves_how_a_category_is_voted_on(category, client_of, editor_user):
    group = category.groups.create(slug="experts", name="Experts")
    client = client_of(editor_user)
    client.post("/leaderboards/code/voting/", settings(groups=[]))
    category.refresh_from_db()
    assert (category.overlap, category.gold_percent, category.ask_strength, category.boards_open) == (
        3,
        10,
        True,
        False,
    )
    assert category.guidelines == "Be **brief**."
    assert not category.groups.exists()
    client.post("/leaderboards/code/voting/", settings(groups=[group.pk], boards_open="on"))
    assert list(category.groups.all()) == [group]


def test_a_preview_saves_nothing(category, client_of, editor_user):
    page = client_of(editor_user).post("/leaderboards/code/voting/", settings(preview="1"))
    assert "<strong>brief</strong>" in page.text
    category.refresh_from_db()
    assert category.overlap == 1


@pytest.mark.parametrize(
    "wrong", [{"overlap": 0}, {"overlap": 21}, {"gold_percent": 101}, {"guidelines": "g" * 20_001}]
)
def test_a_setting_out_of_range_is_named(category, client_of, editor_user, wrong):
    page = client_of(editor_user).post("/leaderboards/code/voting/", settings(**wrong))
    assert page.context["form"].errors.keys() == wrong.keys()


def test_reasons_have_one_key_each_and_keep_their_counts(category, editor_user, reviewer):
    correct = add_reason(category=category, key="1", label=" correct ", actor=editor_user)
    with pytest.raises(CategorySettingsError, match="belongs to “correct”"):
        add_reason(category=category, key="1", label="shorter", actor=editor_user)
    with pytest.raises(CategorySettingsError, match="“Correct” already"):
        add_reason(category=category, key="2", label="Correct", actor=editor_user)
    with pytest.raises(CategorySettingsError, match="digit"):
        add_reason(category=category, key="12", label="shorter", actor=editor_user)

    ballot = draw(category=category, reviewer=reviewer)
    cast_vote(ballot=ballot, choice="left", reviewer=reviewer, remarks=Remarks(reasons=[correct.pk]))
    count_now(category)
    retire_reason(reason=correct, actor=editor_user)
    change_reason(
        reason=add_reason(category=category, key="1", label="short", actor=editor_user),
        key="2", label="shorter", actor=editor_user,
    )  # fmt: skip
    with pytest.raises(InvalidVoteError, match="Reload"):
        cast_vote(
            ballot=draw(category=category, reviewer=reviewer),
            choice="left",
            reviewer=reviewer,
            remarks=Remarks(reasons=[correct.pk]),
        )
    again = add_reason(category=category, key="1", label="Correct", actor=editor_user)
    assert again.pk == correct.pk
    assert ReasonTally.objects.get(reason=again).votes == 1
    assert [(one.key, one.label) for one in Reason.objects.all()] == [("1", "Correct"), ("2", "shorter")]


def test_a_dimension_is_a_category_below_its_own_that_no_file_can_name(category, editor_user):
    tone = add_dimension(category=category, name="Tone", actor=editor_user)
    assert (tone.slug, tone.dimension_of, tone.ledger.votes) == ("code--tone", category, 0)
    assert not Category.objects.filter(pk=tone.pk).exists()
    with pytest.raises(CategorySettingsError, match="already"):
        add_dimension(category=category, name="tone", actor=editor_user)
    with pytest.raises(CategorySettingsError, match="itself a dimension"):
        add_dimension(category=tone, name="Warmth", actor=editor_user)
    long = Category.objects.create(slug="c" * 80, name="Long")
    slug = add_dimension(category=long, name="n" * 120, actor=editor_user).slug
    assert len(slug) <= 80
    assert "--" in slug


def test_dimensions_have_a_limit_and_come_back(category, editor_user):
    made = [add_dimension(category=category, name=f"D{n}", actor=editor_user) for n in range(MOST_DIMENSIONS)]
    with pytest.raises(CategorySettingsError, match="the limit"):
        add_dimension(category=category, name="One more", actor=editor_user)
    retire_dimension(dimension=made[0], actor=editor_user)
    assert add_dimension(category=category, name="D0", actor=editor_user).pk == made[0].pk


def test_the_page_adds_renames_and_retires(category, client_of, editor_user):
    client, page = client_of(editor_user), "/leaderboards/code/voting/"
    client.post(f"{page}reasons/", {"key": "3", "label": "safer"})
    client.post(f"{page}dimensions/", {"name": "Tone"})
    reason, tone = Reason.objects.get(), Category.with_dimensions.get(dimension_of=category)
    client.post(f"{page}reasons/{reason.pk}/", {"key": "4", "label": "safe"})
    client.post(f"{page}dimensions/{tone.pk}/", {"name": "Warmth"})
    shown = client.get(page).text
    assert 'value="safe"' in shown
    assert 'value="Warmth"' in shown
    client.post(f"{page}reasons/{reason.pk}/", {"retire": "1"})
    client.post(f"{page}dimensions/{tone.pk}/", {"retire": "1"})
    for one in (reason, tone):
        one.refresh_from_db()
        assert one.retired_at is not None
    assert "Not changed" in client.post(f"{page}reasons/", {"key": "x", "label": "y"}, follow=True).text
