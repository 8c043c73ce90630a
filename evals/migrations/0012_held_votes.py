"""What ballots, ledgers and tasks say since votes are held on their ballots, for what was voted before."""

from django.db import migrations
from django.db.models import Case, Count, F, OuterRef, Subquery, Sum, Value, When


def fill(apps, schema_editor):
    model = {name: apps.get_model("evals", name) for name in ("Ballot", "Category", "Ledger", "ReviewerTally", "Task", "Vote")}
    ballots, ledgers = model["Ballot"].objects, model["Ledger"].objects
    tasks = model["Task"].objects
    category = tasks.filter(battles__ballots=OuterRef("pk")).order_by().values("category")
    ballots.update(category=Subquery(category[:1]))
    newest = model["Vote"].objects.filter(ballot=OuterRef("pk")).order_by("-n")
    choice = Case(
        When(outcome__in=("tie", "both_bad"), then=F("outcome")),
        When(outcome=F("left"), then=Value("left")),
        When(outcome__in=("lo", "hi"), then=Value("right")),
        default=Value(""),
    )
    voted = ballots.filter(state="voted")
    voted.update(counted_at=F("closed_at"), choice=Subquery(newest.annotate(choice=choice).values("choice")[:1]))
    votes = ballots.filter(state="voted", battle__task=OuterRef("pk")).order_by().values("battle__task")
    tasks.filter(battles__ballots__state="voted").update(
        votes_cast=Subquery(votes.annotate(n=Count("pk")).values("n"))
    )
    there = set(ledgers.values_list("category_id", flat=True))
    missing = model["Category"].objects.exclude(pk__in=there).values_list("pk", flat=True)
    ledgers.bulk_create([model["Ledger"](category_id=pk) for pk in missing])
    sums = model["ReviewerTally"].objects.order_by().values_list("category").annotate(
        comparing=Sum("lo_wins") + Sum("hi_wins") + Sum("ties"), bad=Sum("both_bad")
    )
    for pk, comparing, bad in sums:
        ledgers.filter(category=pk).update(votes=comparing + bad, comparing=comparing)


def refuse_to_lose_votes(apps, schema_editor):
    """Before this migration there were neither held votes nor dimensions: both would be lost, or be read as something
    else, on the way back."""
    if apps.get_model("evals", "Ballot").objects.filter(state="voted", counted_at__isnull=True).exists():
        raise RuntimeError("Some votes are still held. Stop the web processes, wait 10 s, run `manage.py rank`, and repeat.")
    if apps.get_model("evals", "Category")._base_manager.filter(dimension_of__isnull=False).exists():
        raise RuntimeError("Categories have rubrics, whose dimensions an older version would take for categories of their own.")


class Migration(migrations.Migration):
    dependencies = [("evals", "0011_ballot")]

    operations = [migrations.RunPython(fill, refuse_to_lose_votes)]
