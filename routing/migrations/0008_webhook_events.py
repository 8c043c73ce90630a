"""What each webhook is told of: published tables, as before, or reports of bake-offs."""

import routing.models.webhooks
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0007_lease_until'),
    ]

    operations = [
        migrations.AddField(
            model_name='webhook',
            name='events',
            field=models.JSONField(default=routing.models.webhooks.published_only),
        ),
    ]
