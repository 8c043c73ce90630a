import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def allow(apps, schema_editor):
    """Runs with a budget were started when it counted known costs only, and go on like that."""
    apps.get_model("evals", "Run").objects.filter(budget_usd__isnull=False).update(allow_unknown_costs=True)


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0007_images'),
    ]

    operations = [
        migrations.AddField(
            model_name='attempt',
            name='tokens_in_cache_written',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='contender',
            name='price_source',
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name='contender',
            name='priced_at',
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='contender',
            name='usd_per_mtok_cache_write',
            field=models.DecimalField(blank=True, decimal_places=6, max_digits=12, null=True),
        ),
        migrations.AddField(
            model_name='contender',
            name='usd_per_mtok_cached_input',
            field=models.DecimalField(blank=True, decimal_places=6, max_digits=12, null=True),
        ),
        migrations.AddField(
            model_name='contender',
            name='usd_per_mtok_reasoning',
            field=models.DecimalField(blank=True, decimal_places=6, max_digits=12, null=True),
        ),
        migrations.AddField(
            model_name='generation',
            name='tokens_in_cache_written',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='allow_unknown_costs',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='run',
            name='warm_up_calls',
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='RunWarmUp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('calls', models.PositiveSmallIntegerField()),
                ('calls_made', models.PositiveSmallIntegerField(default=0)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='waiting', max_length=10)),
                ('not_before', models.DateTimeField(default=django.utils.timezone.now)),
                ('attempts_made', models.PositiveSmallIntegerField(default=0)),
                ('lease_token', models.UUIDField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('error', models.CharField(blank=True, choices=[('connection', 'could not connect'), ('timeout_connect', 'no connection in time'), ('timeout_first_token', 'no first token in time'), ('timeout_total', 'not finished in time'), ('stream_truncated', 'the answer broke off'), ('invalid_reply', 'the reply was not understood'), ('rate_limited', 'rate limit'), ('overloaded', 'the provider is overloaded'), ('out_of_memory', 'the model ran out of memory'), ('provider_error', 'error at the provider'), ('auth', 'key refused'), ('billing', 'no credit left'), ('model_not_found', 'no such model'), ('bad_request', 'request refused'), ('context_length', 'prompt too long for its context'), ('content_filter', "refused by the provider's filter"), ('empty', 'empty answer'), ('not_text', 'the answer is not text'), ('too_large', 'the reply exceeded our limit'), ('not_allowed', 'address not allowed'), ('lost', 'the worker died during the call'), ('imported', 'recorded as failed where it was collected')], max_length=20)),
                ('error_detail', models.CharField(blank=True, max_length=500)),
                ('spent_usd', models.DecimalField(decimal_places=8, default=0, max_digits=14)),
                ('unpriced_calls', models.PositiveIntegerField(default=0)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('contender', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='warm_ups', to='evals.contender')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='warm_ups', to='evals.run')),
            ],
            options={
                'indexes': [models.Index(fields=['state'], name='warm_up_state')],
                'constraints': [models.UniqueConstraint(fields=('run', 'contender'), name='warm_up_once'), models.CheckConstraint(condition=models.Q(models.Q(('lease_token__isnull', False), ('lease_until__isnull', False), ('state', 'running')), models.Q(models.Q(('state', 'running'), _negated=True), ('lease_token__isnull', True), ('lease_until__isnull', True)), _connector='OR'), name='warm_up_lease_while_running')],
            },
        ),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
