"""Renderings, which are made again from their texts if they are lost."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0014_quarantine'),
    ]

    operations = [
        migrations.CreateModel(
            name='Rendering',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('html', models.TextField()),
                ('made_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
            ],
        ),
    ]
