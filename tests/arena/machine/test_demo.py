"""The demo: what it seeds, and that it never touches a database in use."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from arena.models import Role, User
from evals.models import Category, Contender, Generation, Provider, Run, Task
from routing.policy.services import current_policy

pytestmark = pytest.mark.django_db


@pytest.fixture
def seeded() -> None:
    call_command("demo")


def test_it_asks_three_contenders_for_ten_tasks_in_each_of_four_categories(seeded: None) -> None:
    categories = Category.objects.all()
    assert {category.slug: category.tasks.count() for category in categories} == {
        "json-extraction": 10,
        "rewriting": 10,
        "short-answers": 10,
        "tagging": 10,
    }
    assert all(category.guidelines and category.single_reviewer for category in categories)
    run = Run.objects.get()
    assert run.state == Run.State.COLLECTING
    assert run.items.count() == 40 * Contender.objects.count() == 120
    assert set(Generation.objects.values_list("state", flat=True)) == {Generation.State.WAITING}


def test_every_task_has_checks_and_every_category_comes_up_among_the_first(seeded: None) -> None:
    assert not Task.objects.filter(checks=[]).exists()
    first = Run.objects.get().version.items.order_by("position")[:4]
    assert len({item.task.category_id for item in first}) == 4


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_contenders_differ_in_nothing_but_how_the_model_is_asked(seeded: None) -> None:
    provider = Provider.objects.get()
    assert provider.locality == Provider.Locality.LOCAL
    assert provider.base_url.startswith("http://127.0.0.1:")
    assert len({contender.model_name for contender in Contender.objects.all()}) == 1
    assert len({str(contender.settings) for contender in Contender.objects.all()}) == 3


def test_its_policy_lets_one_person_decide_by_three_votes(seeded: None) -> None:
    _, policy = current_policy()
    gate = policy.rules("tagging").gate
    assert (gate.min_votes, gate.min_reviewers, gate.single_reviewer) == (3, 1, True)


def test_its_people_have_no_passwords(seeded: None) -> None:
    assert {(user.username, user.role) for user in User.objects.all()} == {
        ("admin", Role.ADMIN),
        ("reviewer", Role.REVIEWER),
    }
    assert not any(user.has_usable_password() for user in User.objects.all())


def test_a_database_in_use_is_left_alone(seeded: None) -> None:
    with pytest.raises(CommandError, match="empty database"):
        call_command("demo")
    assert Run.objects.count() == 1
