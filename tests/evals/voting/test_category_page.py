"""A category's own page for editors: its name, for whom its votes speak, and retiring it with a reason."""

from __future__ import annotations

import pytest

from evals.models import Category, Ledger
from evals.voting.category_settings import CategorySettingsError, add_dimension, change_category, changes_of, retire

pytestmark = pytest.mark.django_db


@pytest.mark.on_both(because="the category is locked, and its dimensions follow")
def test_another_audience_ranks_the_category_and_its_dimensions_anew(editor_user):
    code, other = (Category.objects.create(slug=slug, name=slug.title()) for slug in ("code", "other"))
    tone = add_dimension(category=code, name="Tone", actor=editor_user)
    change_category(category=code, name="Coding", speaks_for="people", single_reviewer=True, actor=editor_user)
    tone.refresh_from_db()
    assert (tone.speaks_for, tone.single_reviewer) == ("people", True)
    assert set(Ledger.objects.filter(revision=1).values_list("category", flat=True)) == {code.pk, tone.pk}
    with pytest.raises(CategorySettingsError, match="already"):
        change_category(category=other, name="coding", speaks_for="panel", single_reviewer=False, actor=editor_user)
    with pytest.raises(CategorySettingsError, match="why"):
        retire(category=code, why=" ", actor=editor_user)
    assert retire(category=code, why="No requests left.", actor=editor_user)
    assert not retire(category=code, why="Again.", actor=editor_user)
    told = [line.what for line in changes_of(code)]
    assert told[0] == "Retired: No requests left."
    assert "name Code to Coding" in told[1]


@pytest.mark.runs_once(on="sqlite", because="what pages say")
def test_the_page_saves_and_retiring_asks_why(client_of, editor_user):
    Category.objects.create(slug="code", name="Code")
    client = client_of(editor_user)
    page, retiring = "/leaderboards/code/edit/", "/leaderboards/code/retire/"
    assert "Nothing was changed yet" in client.get(page).content.decode()
    assert client.post(page, {"name": "Coding", "speaks_for": "people"}).status_code == 302
    assert "name Code to Coding" in client.get(page).content.decode()
    assert "Say why" in client.post(retiring).content.decode()
    assert Category.objects.get().retired_at is None
    client.post(retiring, {"why": "Merged."})
    assert "Retired: Merged." in client.get(page).content.decode()
