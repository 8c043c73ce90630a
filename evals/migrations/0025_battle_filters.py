"""An index by which the battles browser finds the votes on a pair of contenders."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0024_reviewer_flags'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='vote',
            index=models.Index(fields=['lo', 'hi', 'id'], name='vote_of_pair'),
        ),
    ]
