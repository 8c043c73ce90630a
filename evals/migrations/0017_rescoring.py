"""Scoring stored answers again."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0016_people'),
    ]

    operations = [
        migrations.CreateModel(
            name='Rescore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_by', models.CharField(help_text="A person's name, or a token's.", max_length=150)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('read_to', models.BigIntegerField(default=0)),
                ('moved_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('read', models.PositiveIntegerField(default=0)),
                ('changed', models.PositiveIntegerField(default=0)),
                ('now_pass', models.PositiveIntegerField(default=0)),
                ('now_fail', models.PositiveIntegerField(default=0)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='rescores', to='evals.run')),
                ('task_set', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rescores', to='evals.taskset')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('run__isnull', False), ('task_set__isnull', True)), models.Q(('run__isnull', True), ('task_set__isnull', False)), _connector='OR'), name='rescore_of_a_run_or_a_task_set'), models.UniqueConstraint(condition=models.Q(('finished_at__isnull', True)), fields=('run',), name='rescore_of_run_once_at_a_time'), models.UniqueConstraint(condition=models.Q(('finished_at__isnull', True)), fields=('task_set',), name='rescore_of_task_set_once_at_a_time')],
            },
        ),
    ]
