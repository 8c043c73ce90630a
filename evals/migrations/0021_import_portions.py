"""Imports in portions: what a file holds waits here until all of it is stored."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


IMPORTS = "evals.transfer.chores.finish_imports"


def keep_whole_files(apps, schema_editor):
    """Going back: the older code knows no half of a file, and has no chore that would store the rest."""
    if apps.get_model("evals", "FileImport").objects.filter(state="storing").exists():
        raise RuntimeError("An import is not stored to its end. Run `manage.py qcluster` until it is, then go back.")
    apps.get_model("django_q", "Schedule").objects.filter(func=IMPORTS).delete()


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0020_long_context'),
    ]

    operations = [
        migrations.CreateModel(
            name='FileImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('votes', 'Votes'), ('generations', 'Generations')], max_length=12)),
                ('state', models.CharField(choices=[('staging', 'Staging'), ('storing', 'Storing')], default='staging', max_length=8)),
                ('name', models.CharField(max_length=255)),
                ('names', models.BinaryField(default=bytes)),
                ('categories', models.JSONField(default=list)),
                ('counts', models.JSONField(default=dict, help_text='What has been stored so far, for the report.')),
                ('report', models.JSONField(default=dict, help_text='Of votes, what the import tells when it is done.')),
                ('touched_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('vote_import', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='file_import', to='evals.voteimport')),
            ],
            options={
                'constraints': [
                    models.CheckConstraint(
                        condition=models.Q(models.Q(('kind', 'votes'), ('state', 'storing'), _negated=True), ('vote_import__isnull', False), _connector='OR'),
                        name='file_import_of_votes_has_its_votes',
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name='ImportPortion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('n', models.PositiveIntegerField()),
                ('rows', models.PositiveIntegerField()),
                ('body', models.BinaryField()),
                ('file_import', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='portions', to='evals.fileimport')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('file_import', 'n'), name='import_portion_n')],
            },
        ),
        migrations.RunPython(migrations.RunPython.noop, keep_whole_files),
    ]
