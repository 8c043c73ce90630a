"""Held votes, rubrics, reasons, gold battles and groups: the tables, filled by `0012_held_votes`."""

import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0010_errors_in_arena'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='GoldBattle',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('outcome', models.CharField(choices=[('lo', 'lo is better'), ('hi', 'hi is better'), ('tie', 'equally good'), ('both_bad', 'both bad')], max_length=8)),
                ('why', models.CharField(help_text='Shown after the vote in a practice round, and to editors.', max_length=500)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Reason',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='The key that chooses it on the voting page: a digit.', max_length=1)),
                ('label', models.CharField(max_length=40)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['key', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='ReasonTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('votes', models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='ReviewerGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=80, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['name', 'pk'],
            },
        ),
        migrations.AlterModelOptions(
            name='category',
            options={'base_manager_name': 'with_dimensions', 'ordering': ['name'], 'verbose_name_plural': 'categories'},
        ),
        migrations.AlterModelManagers(
            name='category',
            managers=[
                ('objects', django.db.models.manager.Manager()),
                ('with_dimensions', django.db.models.manager.Manager()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='vote',
            name='vote_n_of_ballot',
        ),
        migrations.RemoveIndex(
            model_name='ballot',
            name='ballot_of_reviewer',
        ),
        migrations.AddField(
            model_name='ballot',
            name='category',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.category'),
        ),
        migrations.AddField(
            model_name='ballot',
            name='choice',
            field=models.CharField(blank=True, choices=[('left', 'Left'), ('right', 'Right'), ('tie', 'Tie'), ('both_bad', 'Both Bad')], default='', max_length=8),
        ),
        migrations.AddField(
            model_name='ballot',
            name='comment',
            field=models.CharField(blank=True, default='', max_length=2000),
        ),
        migrations.AddField(
            model_name='ballot',
            name='counted_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='ballot',
            name='dimensions',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='ballot',
            name='reasons',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='ballot',
            name='skip_reason',
            field=models.CharField(blank=True, choices=[('unsure', 'cannot decide'), ('too_long', 'too long to judge'), ('not_my_field', 'not my field'), ('broken', 'broken or unreadable')], default='', max_length=12),
        ),
        migrations.AddField(
            model_name='ballot',
            name='strength',
            field=models.CharField(blank=True, choices=[('slightly', 'Slightly'), ('clearly', 'Clearly')], default='', max_length=8),
        ),
        migrations.AddField(
            model_name='category',
            name='ask_strength',
            field=models.BooleanField(default=False, help_text='Ask how much better an answer is: slightly or clearly.'),
        ),
        migrations.AddField(
            model_name='category',
            name='boards_open',
            field=models.BooleanField(default=False, help_text='Reviewers may read the leaderboard of this category while they vote in it.'),
        ),
        migrations.AddField(
            model_name='category',
            name='dimension_of',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='dimensions', to='evals.category'),
        ),
        migrations.AddField(
            model_name='category',
            name='gold_percent',
            field=models.PositiveSmallIntegerField(default=5, help_text='How many draws in a hundred are battles whose right outcome is known, where there are any.'),
        ),
        migrations.AddField(
            model_name='category',
            name='overlap',
            field=models.PositiveSmallIntegerField(default=1, help_text='Reviewers wanted for each battle; 1: agreement is measured on one battle in ten.'),
        ),
        migrations.AddField(
            model_name='ledger',
            name='comparing',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='ledger',
            name='count_enqueued_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='ledger',
            name='votes',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='reviewer',
            name='practised_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='task',
            name='votes_cast',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='ballot',
            name='shown_at',
            field=models.DateTimeField(blank=True, default=django.utils.timezone.now, null=True),
        ),
        migrations.AddIndex(
            model_name='category',
            index=models.Index(condition=models.Q(('dimension_of__isnull', False)), fields=['dimension_of'], name='category_dimensions'),
        ),
        migrations.AddConstraint(
            model_name='category',
            constraint=models.CheckConstraint(condition=models.Q(('gold_percent__lte', 100)), name='category_gold_is_a_percentage'),
        ),
        migrations.AddConstraint(
            model_name='category',
            constraint=models.CheckConstraint(condition=models.Q(('overlap__gte', 1)), name='category_overlap_positive'),
        ),
        migrations.AddConstraint(
            model_name='ledger',
            constraint=models.CheckConstraint(condition=models.Q(('comparing__gte', 0), ('votes__gte', models.F('comparing'))), name='ledger_counts_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.UniqueConstraint(fields=('ballot', 'category', 'n'), name='vote_n_of_ballot'),
        ),
        migrations.AddField(
            model_name='goldbattle',
            name='battle',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='gold', to='evals.battle'),
        ),
        migrations.AddField(
            model_name='goldbattle',
            name='created_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='reason',
            name='category',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='reasons', to='evals.category'),
        ),
        migrations.AddField(
            model_name='reasontally',
            name='contender',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.contender'),
        ),
        migrations.AddField(
            model_name='reasontally',
            name='reason',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='tallies', to='evals.reason'),
        ),
        migrations.AddField(
            model_name='reviewergroup',
            name='categories',
            field=models.ManyToManyField(blank=True, related_name='groups', to='evals.category'),
        ),
        migrations.AddField(
            model_name='reviewergroup',
            name='reviewers',
            field=models.ManyToManyField(blank=True, related_name='groups', to='evals.reviewer'),
        ),
        migrations.AddConstraint(
            model_name='goldbattle',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['lo', 'hi', 'tie', 'both_bad'])), name='gold_outcome_known'),
        ),
        migrations.AddConstraint(
            model_name='reason',
            constraint=models.UniqueConstraint(condition=models.Q(('retired_at__isnull', True)), fields=('category', 'key'), name='reason_key_once'),
        ),
        migrations.AddConstraint(
            model_name='reason',
            constraint=models.CheckConstraint(condition=models.Q(('key__in', ['1', '2', '3', '4', '5', '6', '7', '8', '9'])), name='reason_key_is_a_digit'),
        ),
        migrations.AddConstraint(
            model_name='reasontally',
            constraint=models.UniqueConstraint(fields=('reason', 'contender'), name='reason_tally_once'),
        ),
    ]
