"""Invitations, and how many votes stand excluded."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import Count


def count_excluded(apps, schema_editor):
    ledgers = apps.get_model("evals", "Ledger").objects
    effective = apps.get_model("evals", "Vote").objects.filter(superseded_by__isnull=True, outcome__isnull=False)
    excluded = effective.filter(reviewer__excluded_at__isnull=False).order_by().values_list("category")
    for category, votes in excluded.annotate(n=Count("pk")):
        ledgers.filter(category=category).update(excluded=votes)


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0015_renderings'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token_sha256', models.CharField(max_length=64, unique=True)),
                ('label', models.CharField(help_text='For whom the link is, as the list of invitations shows it.', max_length=120)),
                ('most_uses', models.PositiveIntegerField(default=1)),
                ('uses', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='InvitationUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('form_sha256', models.CharField(blank=True, max_length=64, null=True, unique=True)),
            ],
        ),
        migrations.AddField(
            model_name='ledger',
            name='excluded',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddConstraint(
            model_name='ledger',
            constraint=models.CheckConstraint(condition=models.Q(('excluded__gte', 0)), name='ledger_excluded_not_negative'),
        ),
        migrations.AddField(
            model_name='invitation',
            name='created_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='invitation',
            name='group',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='evals.reviewergroup'),
        ),
        migrations.AddField(
            model_name='invitationuse',
            name='invitation',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='accepted', to='evals.invitation'),
        ),
        migrations.AddField(
            model_name='invitationuse',
            name='reviewer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.reviewer'),
        ),
        migrations.AddField(
            model_name='invitation',
            name='reviewers',
            field=models.ManyToManyField(related_name='invitations', through='evals.InvitationUse', to='evals.reviewer'),
        ),
        migrations.AddConstraint(
            model_name='invitationuse',
            constraint=models.UniqueConstraint(fields=('invitation', 'reviewer'), name='invitation_accepted_once'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('uses__lte', models.F('most_uses'))), name='invitation_uses_within_limit'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('most_uses__gte', 1)), name='invitation_is_for_someone'),
        ),
        migrations.RunPython(count_excluded, migrations.RunPython.noop),
    ]
