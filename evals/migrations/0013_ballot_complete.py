"""What holds for ballots once `0012_held_votes` has filled them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0012_held_votes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='ballot',
            name='category',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.category'),
        ),
        migrations.AddIndex(
            model_name='ballot',
            index=models.Index(fields=['reviewer', 'state', 'category', 'closed_at'], name='ballot_of_reviewer'),
        ),
        migrations.AddIndex(
            model_name='ballot',
            index=models.Index(condition=models.Q(('counted_at__isnull', True), ('state', 'voted')), fields=['category', 'closed_at'], name='ballot_held'),
        ),
        migrations.AddConstraint(
            model_name='ballot',
            constraint=models.UniqueConstraint(condition=models.Q(('shown_at__isnull', True), ('state', 'open')), fields=('reviewer', 'category'), name='ballot_one_ahead'),
        ),
        migrations.AddConstraint(
            model_name='ballot',
            constraint=models.CheckConstraint(condition=models.Q(('counted_at__isnull', True), ('state', 'voted'), _connector='OR'), name='ballot_counted_was_voted'),
        ),
    ]
