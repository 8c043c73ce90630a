from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0009_llama_cpp'),
    ]

    operations = [
        migrations.AlterField(
            model_name='attempt',
            name='error',
            field=models.CharField(blank=True, choices=[('connection', 'could not connect'), ('timeout_connect', 'no connection in time'), ('timeout_first_token', 'no first token in time'), ('timeout_total', 'not finished in time'), ('stream_truncated', 'the answer broke off'), ('invalid_reply', 'the reply was not understood'), ('rate_limited', 'rate limit'), ('overloaded', 'the provider is overloaded'), ('out_of_memory', 'the model ran out of memory'), ('provider_error', 'error at the provider'), ('auth', 'key refused'), ('billing', 'no credit left'), ('model_not_found', 'no such model'), ('bad_request', 'request refused'), ('context_length', 'prompt too long for its context'), ('content_filter', "refused by the provider's filter"), ('empty', 'empty answer'), ('not_text', 'neither text nor an image'), ('too_large', 'the reply exceeded our limit'), ('not_allowed', 'address not allowed'), ('lost', 'the worker died during the call'), ('internal', 'an error in Arena'), ('imported', 'recorded as failed where it was collected')], max_length=20),
        ),
        migrations.AlterField(
            model_name='generation',
            name='error',
            field=models.CharField(blank=True, choices=[('connection', 'could not connect'), ('timeout_connect', 'no connection in time'), ('timeout_first_token', 'no first token in time'), ('timeout_total', 'not finished in time'), ('stream_truncated', 'the answer broke off'), ('invalid_reply', 'the reply was not understood'), ('rate_limited', 'rate limit'), ('overloaded', 'the provider is overloaded'), ('out_of_memory', 'the model ran out of memory'), ('provider_error', 'error at the provider'), ('auth', 'key refused'), ('billing', 'no credit left'), ('model_not_found', 'no such model'), ('bad_request', 'request refused'), ('context_length', 'prompt too long for its context'), ('content_filter', "refused by the provider's filter"), ('empty', 'empty answer'), ('not_text', 'neither text nor an image'), ('too_large', 'the reply exceeded our limit'), ('not_allowed', 'address not allowed'), ('lost', 'the worker died during the call'), ('internal', 'an error in Arena'), ('imported', 'recorded as failed where it was collected')], max_length=20),
        ),
        migrations.AlterField(
            model_name='runwarmup',
            name='error',
            field=models.CharField(blank=True, choices=[('connection', 'could not connect'), ('timeout_connect', 'no connection in time'), ('timeout_first_token', 'no first token in time'), ('timeout_total', 'not finished in time'), ('stream_truncated', 'the answer broke off'), ('invalid_reply', 'the reply was not understood'), ('rate_limited', 'rate limit'), ('overloaded', 'the provider is overloaded'), ('out_of_memory', 'the model ran out of memory'), ('provider_error', 'error at the provider'), ('auth', 'key refused'), ('billing', 'no credit left'), ('model_not_found', 'no such model'), ('bad_request', 'request refused'), ('context_length', 'prompt too long for its context'), ('content_filter', "refused by the provider's filter"), ('empty', 'empty answer'), ('not_text', 'neither text nor an image'), ('too_large', 'the reply exceeded our limit'), ('not_allowed', 'address not allowed'), ('lost', 'the worker died during the call'), ('internal', 'an error in Arena'), ('imported', 'recorded as failed where it was collected')], max_length=20),
        ),
    ]
