"""Task sets and categories that hold another's tasks in long prompts."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0019_pace'),
    ]

    operations = [
        migrations.AddField(
            model_name='category',
            name='long_context_of',
            field=models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.category'),
        ),
        migrations.AddField(
            model_name='taskset',
            name='long_context_of',
            field=models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.taskset'),
        ),
        migrations.AddConstraint(
            model_name='category',
            constraint=models.UniqueConstraint(condition=models.Q(('long_context_of__isnull', False)), fields=('long_context_of',), name='category_long_context_once'),
        ),
        migrations.AddConstraint(
            model_name='taskset',
            constraint=models.UniqueConstraint(condition=models.Q(('long_context_of__isnull', False)), fields=('long_context_of',), name='task_set_long_context_once'),
        ),
    ]
