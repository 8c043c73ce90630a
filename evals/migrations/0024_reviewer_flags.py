"""Reviewers whose votes are worth a look."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("evals", "0023_style"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReviewerFlag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("signs", models.CharField(max_length=100)),
                ("why", models.CharField(max_length=500)),
                ("found_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "reviewer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="flag", to="evals.reviewer"
                    ),
                ),
            ],
        ),
    ]
