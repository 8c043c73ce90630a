"""How a person votes: in which language, and by which keys."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('arena', '0001_people_and_tokens'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='language',
            field=models.CharField(blank=True, choices=[('en', 'English'), ('de', 'Deutsch')], default='', help_text="Of the pages for reviewers; empty: the browser's.", max_length=5),
        ),
        migrations.AddField(
            model_name='user',
            name='voting_keymap',
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
