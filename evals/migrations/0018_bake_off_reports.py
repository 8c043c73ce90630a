"""Bake-offs with settings of their own, their rounds and reports. Each that was scheduled before is kept."""

from importlib import import_module

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


MOVED = {"evals.collection.chores.bake_off": "evals.bake_offs.chores.bake_off"}
SUITE = ("samples", "budget_usd", "allow_unknown_costs", "warm_up_calls")
REPORT = "evals.bake_offs.chores.report_bake_offs"

rename = import_module("evals.migrations.0004_chores_by_room").rename


def keep_bake_offs(apps, schema_editor):
    rename(apps, MOVED)
    bake_offs, task_sets = apps.get_model("evals", "BakeOff").objects, apps.get_model("evals", "TaskSet").objects
    runs = apps.get_model("evals", "Run").objects
    scheduled = apps.get_model("django_q", "Schedule").objects.filter(func__in=MOVED.values())
    for row in scheduled:
        # As they were written: `7,`.
        written = (row.args or "").rstrip(",")
        task_set = task_sets.filter(pk=int(written)).first() if written.isdecimal() else None
        if task_set is None:
            continue
        # It repeated the last run, with what that was started with.
        last = runs.filter(version__task_set=task_set).order_by("-pk").first()
        kept = {name: getattr(last, name) for name in SUITE} if last is not None else {}
        bake_offs.get_or_create(task_set=task_set, defaults=kept)
    scheduled.update(intended_date_kwarg="due")


def back_to_chores_without_a_time(apps, schema_editor):
    """The older chore takes no time, and there is none that makes reports."""
    schedules = apps.get_model("django_q", "Schedule").objects
    schedules.filter(func__in=MOVED.values()).update(intended_date_kwarg=None)
    schedules.filter(func=REPORT).delete()
    rename(apps, {new: old for old, new in MOVED.items()})


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0017_rescoring'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BakeOff',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('contenders', models.CharField(choices=[('same', 'those of the last time, in their newest revisions'), ('all', 'every contender that can be asked, in its newest revision')], default='same', max_length=10)),
                ('samples', models.PositiveSmallIntegerField(default=1)),
                ('budget_usd', models.DecimalField(blank=True, decimal_places=4, max_digits=12, null=True)),
                ('allow_unknown_costs', models.BooleanField(default=False)),
                ('warm_up_calls', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('include', models.CharField(blank=True, help_text='Patterns of names, separated by commas.', max_length=400)),
                ('exclude', models.CharField(blank=True, max_length=400)),
                ('most_usd_input', models.DecimalField(blank=True, decimal_places=6, max_digits=12, null=True)),
                ('most_usd_output', models.DecimalField(blank=True, decimal_places=6, max_digits=12, null=True)),
                ('most_newcomers', models.PositiveSmallIntegerField(default=3)),
                ('only_newly_listed', models.BooleanField(default=True)),
                ('known_models', models.JSONField(blank=True, null=True)),
                ('saved_by', models.CharField(blank=True, max_length=150)),
                ('saved_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('newcomers_from', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.provider')),
                ('task_set', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='bake_off', to='evals.taskset')),
            ],
            options={
                'ordering': ['task_set__slug'],
            },
        ),
        migrations.CreateModel(
            name='BakeOffRound',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('n', models.PositiveIntegerField()),
                ('due', models.DateTimeField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, help_text='Why no run was started.', max_length=500)),
                ('facts', models.JSONField(default=dict)),
                ('started_by', models.CharField(blank=True, help_text='Empty: by the schedule.', max_length=150)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('bake_off', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rounds', to='evals.bakeoff')),
                ('run', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='bake_off_round', to='evals.run')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='BakeOffReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('done', 'Done'), ('stopped', 'Stopped'), ('not_started', 'not started')], max_length=12)),
                ('document', models.JSONField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('round', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='report', to='evals.bakeoffround')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='BakeOffSubscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.EmailField(max_length=254)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='BakeOffMail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.EmailField(max_length=254)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('handing_over', 'being handed over'), ('sent', 'Sent'), ('unknown', 'perhaps sent'), ('failed', 'given up')], default='waiting', max_length=14)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(default=django.utils.timezone.now)),
                ('lease_token', models.UUIDField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='mails', to='evals.bakeoffreport')),
            ],
            options={
                'ordering': ['id'],
                'indexes': [models.Index(condition=models.Q(('state__in', ['waiting', 'handing_over'])), fields=['not_before'], name='mail_due')],
                'constraints': [models.UniqueConstraint(fields=('report', 'user'), name='report_once_by_mail'), models.CheckConstraint(condition=models.Q(models.Q(('lease_token__isnull', True), ('lease_until__isnull', True)), models.Q(('lease_token__isnull', False), ('lease_until__isnull', False), ('state__in', ['waiting', 'handing_over'])), _connector='OR'), name='mail_lease_while_open')],
            },
        ),
        migrations.AddConstraint(
            model_name='bakeoffround',
            constraint=models.UniqueConstraint(fields=('bake_off', 'n'), name='bake_off_round'),
        ),
        migrations.AddConstraint(
            model_name='bakeoffround',
            constraint=models.UniqueConstraint(fields=('bake_off', 'due'), name='bake_off_once_when_due'),
        ),
        migrations.AddConstraint(
            model_name='bakeoffround',
            constraint=models.CheckConstraint(condition=models.Q(('run__isnull', False), models.Q(('reason', ''), _negated=True), _connector='OR'), name='bake_off_without_run_says_why'),
        ),
        migrations.RunPython(keep_bake_offs, back_to_chores_without_a_time),
    ]
