from django.db import migrations, models


RENAMED = {
    "timeout": "timeout_total",
    "cut_stream": "stream_truncated",
    "malformed": "invalid_reply",
    "rate_limit": "rate_limited",
    "server_error": "provider_error",
    "not_found": "model_not_found",
    "filtered": "content_filter",
}


def rename(apps, schema_editor):
    _rename(apps, RENAMED)


def rename_back(apps, schema_editor):
    newer = {"timeout_connect": "connection", "timeout_first_token": "timeout", "overloaded": "server_error",
             "out_of_memory": "server_error", "billing": "auth", "not_text": "malformed"}
    _rename(apps, {new: old for old, new in RENAMED.items()} | newer)


def _rename(apps, names):
    for model in ("Generation", "Attempt"):
        rows = apps.get_model("evals", model).objects
        for old, new in names.items():
            rows.filter(error=old).update(error=new)


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0004_chores_by_room'),
    ]

    operations = [
        migrations.AddField(
            model_name='attempt',
            name='cost_source',
            field=models.CharField(blank=True, choices=[('provider', 'as the provider told'), ('contender', "by the contender's prices"), ('list', 'by the price list')], max_length=10),
        ),
        migrations.AddField(
            model_name='attempt',
            name='in_flight',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='attempt',
            name='tokens_in_cached',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='attempt',
            name='tokens_thinking',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='generation',
            name='cost_source',
            field=models.CharField(blank=True, choices=[('provider', 'as the provider told'), ('contender', "by the contender's prices"), ('list', 'by the price list')], max_length=10),
        ),
        migrations.AddField(
            model_name='generation',
            name='thinking',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='generation',
            name='tokens_in_cached',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='generation',
            name='tokens_thinking',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='provider',
            name='down_in_a_row',
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='provider',
            name='requests_due_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='provider',
            name='requests_per_minute',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='provider',
            name='tokens_due_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='provider',
            name='tokens_per_minute',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='attempt',
            name='error',
            field=models.CharField(blank=True, choices=[('connection', 'could not connect'), ('timeout_connect', 'no connection in time'), ('timeout_first_token', 'no first token in time'), ('timeout_total', 'not finished in time'), ('stream_truncated', 'the answer broke off'), ('invalid_reply', 'the reply was not understood'), ('rate_limited', 'rate limit'), ('overloaded', 'the provider is overloaded'), ('out_of_memory', 'the model ran out of memory'), ('provider_error', 'error at the provider'), ('auth', 'key refused'), ('billing', 'no credit left'), ('model_not_found', 'no such model'), ('bad_request', 'request refused'), ('context_length', 'prompt too long for its context'), ('content_filter', "refused by the provider's filter"), ('empty', 'empty answer'), ('not_text', 'the answer is not text'), ('too_large', 'the reply exceeded our limit'), ('not_allowed', 'address not allowed'), ('lost', 'the worker died during the call'), ('imported', 'recorded as failed where it was collected')], max_length=20),
        ),
        migrations.AlterField(
            model_name='generation',
            name='error',
            field=models.CharField(blank=True, choices=[('connection', 'could not connect'), ('timeout_connect', 'no connection in time'), ('timeout_first_token', 'no first token in time'), ('timeout_total', 'not finished in time'), ('stream_truncated', 'the answer broke off'), ('invalid_reply', 'the reply was not understood'), ('rate_limited', 'rate limit'), ('overloaded', 'the provider is overloaded'), ('out_of_memory', 'the model ran out of memory'), ('provider_error', 'error at the provider'), ('auth', 'key refused'), ('billing', 'no credit left'), ('model_not_found', 'no such model'), ('bad_request', 'request refused'), ('context_length', 'prompt too long for its context'), ('content_filter', "refused by the provider's filter"), ('empty', 'empty answer'), ('not_text', 'the answer is not text'), ('too_large', 'the reply exceeded our limit'), ('not_allowed', 'address not allowed'), ('lost', 'the worker died during the call'), ('imported', 'recorded as failed where it was collected')], max_length=20),
        ),
        migrations.AlterField(
            model_name='provider',
            name='kind',
            field=models.CharField(choices=[('openai', 'OpenAI-compatible chat completions'), ('responses', 'OpenAI responses'), ('anthropic', 'Anthropic messages'), ('gemini', 'Gemini'), ('ollama', "Ollama's own"), ('replicate', 'Replicate predictions'), ('fal', 'fal queue'), ('imported', 'imported: outputs collected elsewhere, never asked')], default='openai', max_length=20),
        ),
        migrations.AddField(
            model_name='run',
            name='priced_calls',
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='generation',
            name='ahead',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.RunPython(rename, rename_back),
    ]
