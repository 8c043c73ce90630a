from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0005_collection_at_full_strength'),
    ]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='turns',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='task',
            name='tools',
            field=models.JSONField(default=list),
        ),
    ]
