from django.db import migrations, models


class Migration(migrations.Migration):
    """An answer to one HIT is no receipt of another, whatever assignment id was sent with it."""

    dependencies = [
        ("annotation", "0023_looks"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="receipt", name="receipt_once"),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(
                fields=("hit", "assignment_id", "worker_id", "sha256"), name="receipt_once"
            ),
        ),
    ]
