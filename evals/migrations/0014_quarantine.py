"""Quarantine cases; one for each answer that was out before."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def open_cases(apps, schema_editor):
    """One case for each answer that was out before cases were kept. Reports name their reporter, whose ballot is found
    by it."""
    Generation = apps.get_model("evals", "Generation")
    Ballot = apps.get_model("evals", "Ballot")
    Case = apps.get_model("evals", "QuarantineCase")
    Act = apps.get_model("evals", "QuarantineAct")
    out = Generation.objects.filter(state="done").exclude(quarantine="").order_by("pk")
    rows = out.values_list("pk", "contender_id", "task__category_id", "quarantine", "finished_at", "created_at")
    for pk, contender, category, why, finished_at, created_at in rows.iterator(1000):
        fields = {"source": "detector", "opened_at": finished_at or created_at}
        who = "Arena"
        if why.startswith("reported by "):
            fields["source"], who = "reviewer", "a reviewer"
            told = models.Q(battle__lo=pk) | models.Q(battle__hi=pk)
            ballots = Ballot.objects.filter(told, state="reported").select_related("battle", "reviewer").order_by("pk")
            for ballot in ballots:
                if why.startswith(f"reported by {ballot.reviewer.name}:"):
                    at_left = (ballot.battle.lo_id == pk) == (ballot.left == "lo")
                    fields |= {"reporter": ballot.reviewer, "ballot": ballot, "side": "left" if at_left else "right"}
                    fields["opened_at"] = ballot.closed_at or fields["opened_at"]
                    who = ballot.reviewer.name
                    why = why.removeprefix(f"reported by {who}:").strip() or why
                    break
        case = Case.objects.create(generation_id=pk, contender_id=contender, category_id=category, why=why, **fields)
        Act.objects.create(
            case=case, kind="opened", who=who or "a reviewer", why=why, ballot=fields.get("ballot"), at=case.opened_at
        )


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0013_ballot_complete'),
    ]

    operations = [
        migrations.CreateModel(
            name='QuarantineRecheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveSmallIntegerField(unique=True)),
                ('read_to', models.BigIntegerField(default=0)),
                ('found', models.PositiveIntegerField(default=0)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='QuarantineCase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(choices=[('detector', 'found by Arena'), ('reviewer', 'reported')], max_length=10)),
                ('why', models.CharField(max_length=255)),
                ('side', models.CharField(blank=True, help_text='Where the ballot showed the answer: left or right.', max_length=5)),
                ('opened_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state', models.CharField(choices=[('open', 'waits for a decision'), ('confirmed', 'confirmed: stays out'), ('released', 'released: shown again')], default='open', max_length=10)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, help_text="A person's name, or a token's.", max_length=150)),
                ('decision', models.CharField(blank=True, help_text='Why it was released or confirmed.', max_length=255)),
                ('ballot', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='quarantine_cases', to='evals.ballot')),
                ('category', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.category')),
                ('contender', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.contender')),
                ('generation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quarantine_cases', to='evals.generation')),
                ('reporter', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='quarantine_cases', to='evals.reviewer')),
            ],
        ),
        migrations.CreateModel(
            name='QuarantineAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('opened', 'taken out'), ('repeated', 'reported again'), ('confirmed', 'confirmed'), ('released', 'released')], max_length=10)),
                ('who', models.CharField(help_text="A person's name, a token's, or Arena's detector.", max_length=150)),
                ('why', models.CharField(max_length=255)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ballot', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evals.ballot')),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acts', to='evals.quarantinecase')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.AddIndex(
            model_name='quarantinecase',
            index=models.Index(fields=['state', 'id'], name='quarantine_by_state'),
        ),
        migrations.AddIndex(
            model_name='quarantinecase',
            index=models.Index(fields=['category', 'state', 'id'], name='quarantine_of_category'),
        ),
        migrations.AddIndex(
            model_name='quarantinecase',
            index=models.Index(fields=['contender', 'state', 'id'], name='quarantine_of_contender'),
        ),
        migrations.AddIndex(
            model_name='quarantinecase',
            index=models.Index(fields=['reporter', 'opened_at'], name='quarantine_by_reporter'),
        ),
        migrations.AddConstraint(
            model_name='quarantinecase',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['open', 'confirmed'])), fields=('generation',), name='quarantine_stands_once'),
        ),
        migrations.AddConstraint(
            model_name='quarantinecase',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('decided_at__isnull', False), models.Q(('decided_by', ''), _negated=True), models.Q(('decision', ''), _negated=True)), _connector='OR'), name='quarantine_decision_says_who_and_why'),
        ),
        migrations.AddConstraint(
            model_name='quarantinecase',
            constraint=models.CheckConstraint(condition=models.Q(('why', ''), _negated=True), name='quarantine_says_why'),
        ),
        migrations.AddConstraint(
            model_name='quarantineact',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('who', ''), _negated=True), models.Q(('why', ''), _negated=True)), name='quarantine_act_says_who_and_why'),
        ),
        migrations.RunPython(open_cases, migrations.RunPython.noop),
    ]
