"""The time between the chunks of an answer's stream."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0018_bake_off_reports'),
    ]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='gap_ms_p50',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='generation',
            name='gap_ms_p95',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='generation',
            name='chunks',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
    ]
