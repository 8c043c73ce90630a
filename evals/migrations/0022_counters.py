"""Counts that pages show, kept as they move. They are filled here by the database itself, whatever there is; going back
drops them."""

import django.db.models.deletion
from django.db import migrations, models

FILL = [
    '''
        INSERT INTO evals_answercount (category_id, contender_id, done, failed, moved) SELECT t.category_id,
        g.contender_id, SUM(CASE WHEN g.state = 'done' THEN 1 ELSE 0 END), SUM(CASE WHEN g.state = 'failed'
        THEN 1 ELSE 0 END), COUNT(*) FROM evals_generation g JOIN evals_task t ON t.id = g.task_id WHERE
        g.state IN ('done', 'failed') GROUP BY t.category_id, g.contender_id
    ''',
    '''
        INSERT INTO evals_runcount (run_id, contender_id, total, done, failed, moved) SELECT i.run_id,
        g.contender_id, COUNT(*), SUM(CASE WHEN g.state = 'done' THEN 1 ELSE 0 END), SUM(CASE WHEN g.state =
        'failed' THEN 1 ELSE 0 END), COUNT(*) FROM evals_runitem i JOIN evals_generation g ON g.id =
        i.generation_id GROUP BY i.run_id, g.contender_id
    ''',
    '''
        INSERT INTO evals_reviewervotes (category_id, reviewer_id, votes, left_won, right_won, last_cast_at)
        SELECT v.category_id, v.reviewer_id, SUM(CASE WHEN s.id IS NULL THEN 1 ELSE 0 END), SUM(CASE WHEN
        s.id IS NULL AND v.outcome = v."left" THEN 1 ELSE 0 END), SUM(CASE WHEN s.id IS NULL AND v.outcome
        IN ('lo', 'hi') AND v."left" IN ('lo', 'hi') AND v.outcome <> v."left" THEN 1 ELSE 0 END),
        MAX(v.cast_at) FROM evals_vote v LEFT JOIN evals_vote s ON s.supersedes_id = v.id WHERE v.outcome IS
        NOT NULL GROUP BY v.category_id, v.reviewer_id
    ''',
    '''
        INSERT INTO evals_contendervotes (category_id, contender_id, votes, both_bad) SELECT category_id,
        contender_id, SUM(votes), SUM(both_bad) FROM (SELECT category_id, lo_id AS contender_id, lo_wins +
        hi_wins + ties + both_bad AS votes, both_bad FROM evals_reviewertally UNION ALL SELECT category_id,
        hi_id, lo_wins + hi_wins + ties + both_bad, both_bad FROM evals_reviewertally) sides GROUP BY
        category_id, contender_id
    ''',
]


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0021_import_portions'),
    ]

    operations = [
        migrations.CreateModel(
            name='KeptFigures',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, unique=True)),
                ('version', models.CharField(max_length=200)),
                ('figures', models.JSONField()),
                ('computed_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='AnswerCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('done', models.IntegerField(default=0)),
                ('failed', models.IntegerField(default=0)),
                ('moved', models.IntegerField(default=0)),
                ('category', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='evals.category')),
                ('contender', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='evals.contender')),
            ],
            options={
                'indexes': [models.Index(fields=['category', 'contender'], name='answer_count')],
            },
        ),
        migrations.CreateModel(
            name='ContenderVotes',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('votes', models.IntegerField(default=0)),
                ('both_bad', models.IntegerField(default=0)),
                ('category', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.category')),
                ('contender', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.contender')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('category', 'contender'), name='contender_votes_once')],
            },
        ),
        migrations.CreateModel(
            name='ReviewerVotes',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('votes', models.IntegerField(default=0)),
                ('left_won', models.IntegerField(default=0)),
                ('right_won', models.IntegerField(default=0)),
                ('last_cast_at', models.DateTimeField(blank=True, null=True)),
                ('category', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='evals.category')),
                ('reviewer', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='evals.reviewer')),
            ],
            options={
                'indexes': [models.Index(fields=['category', 'reviewer'], name='reviewer_votes'), models.Index(fields=['reviewer'], name='votes_of_reviewer')],
            },
        ),
        migrations.CreateModel(
            name='RunCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('total', models.IntegerField(default=0)),
                ('done', models.IntegerField(default=0)),
                ('failed', models.IntegerField(default=0)),
                ('moved', models.IntegerField(default=0)),
                ('contender', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='evals.contender')),
                ('run', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='evals.run')),
            ],
            options={
                'indexes': [models.Index(fields=['run', 'contender'], name='run_count')],
            },
        ),
        *(migrations.RunSQL(statement, migrations.RunSQL.noop) for statement in FILL),
    ]
