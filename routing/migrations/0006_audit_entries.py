import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The model gets the name its readers know; its table, rows and triggers stay as they are."""

    dependencies = [("routing", "0005_why_webhooks_rest")]

    operations = [
        migrations.AlterModelTable(name="act", table="routing_act"),
        migrations.RenameModel(old_name="Act", new_name="AuditEntry"),
        migrations.AlterField(
            model_name="auditentry",
            name="table",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_entries",
                to="routing.routingtable",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="policy",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_entries",
                to="routing.policyversion",
            ),
        ),
    ]
