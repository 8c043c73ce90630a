from django.db import migrations, models


def to_own_server(apps, schema_editor):
    """Before this migration every provider that is asked has an address: llama.cpp's own server at its usual one."""
    providers = apps.get_model("evals", "Provider").objects
    providers.filter(kind="llama_cpp").update(kind="openai", base_url="http://127.0.0.1:8080/v1")


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0008_prices_and_warm_up'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='provider',
            name='provider_asked_has_url',
        ),
        migrations.AlterField(
            model_name='provider',
            name='kind',
            field=models.CharField(choices=[('openai', 'OpenAI-compatible chat completions'), ('responses', 'OpenAI responses'), ('anthropic', 'Anthropic messages'), ('gemini', 'Gemini'), ('ollama', "Ollama's own"), ('replicate', 'Replicate predictions'), ('fal', 'fal queue'), ('llama_cpp', 'llama.cpp: a model file on this machine'), ('imported', 'imported: outputs collected elsewhere, never asked')], default='openai', max_length=20),
        ),
        migrations.AddConstraint(
            model_name='provider',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['imported', 'llama_cpp']), models.Q(('base_url', ''), _negated=True), _connector='OR'), name='provider_asked_has_url'),
        ),
        migrations.RunPython(migrations.RunPython.noop, to_own_server),
    ]
