from django.core.signing import BadSignature
from django.db import migrations

MOVED = {
    "evals.chores.rank": "evals.leaderboards.chores.rank",
    "evals.chores.sweep": "evals.leaderboards.chores.sweep",
    "evals.chores.bake_off": "evals.collection.chores.bake_off",
    "routing.chores.publish": "routing.publishing.chores.publish",
    "routing.chores.refresh": "routing.publishing.chores.refresh",
    "routing.chores.sweep_outcomes": "routing.outcomes.chores.sweep_outcomes",
    "routing.chores.deliver": "routing.webhooks.chores.deliver",
}


def rename(apps, names):
    """Schedules and queued chores are stored with the path of the function that they call."""
    from django_q.signing import SignedPackage

    schedules, queue = apps.get_model("django_q", "Schedule").objects, apps.get_model("django_q", "OrmQ").objects
    for old, new in names.items():
        # Code of the other side of this migration may have put its own schedules back already.
        there = {_arguments(row) for row in schedules.filter(func=new)}
        for row in schedules.filter(func=old):
            same = schedules.filter(pk=row.pk)
            if _arguments(row) in there:
                same.delete()
            else:
                same.update(func=new)
    for queued in queue.all():
        try:
            task = SignedPackage.loads(queued.payload)
        except (BadSignature, TypeError):
            continue  # signed with another SECRET_KEY: the cluster drops it, and the rows say what is left to do
        if task.get("func") in names:
            task["func"] = names[task["func"]]
            # A cluster that still runs may have done it in the meantime: no row is no error.
            queue.filter(pk=queued.pk).update(payload=SignedPackage.dumps(task))


def _arguments(schedule):
    return schedule.args or "", schedule.kwargs or ""


def forwards(apps, schema_editor):
    rename(apps, MOVED)


def backwards(apps, schema_editor):
    rename(apps, {new: old for old, new in MOVED.items()})


class Migration(migrations.Migration):
    dependencies = [
        ("evals", "0003_fewer_indexes_of_votes"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [migrations.RunPython(forwards, backwards)]
