from django.db import migrations, models


class Migration(migrations.Migration):
    """The end of a delivery's lease gets the name it has on generations; rows keep their values."""

    dependencies = [("routing", "0006_audit_entries")]

    operations = [
        # A constraint keeps the old name of a renamed column, so it is made anew.
        migrations.RemoveConstraint(model_name="delivery", name="delivery_lease_while_waiting"),
        migrations.RenameField(model_name="delivery", old_name="leased_until", new_name="lease_until"),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                name="delivery_lease_while_waiting",
                condition=models.Q(lease_token__isnull=True, lease_until__isnull=True)
                | models.Q(state="waiting", lease_token__isnull=False, lease_until__isnull=False),
            ),
        ),
    ]
