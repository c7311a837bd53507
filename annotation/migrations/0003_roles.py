"""The permissions of reviewers and requesters; `annotation.roles` makes the groups that hold them."""

from django.db import migrations

PERMISSIONS = [
    ("collect", "Can collect: order work, see what is collected and its money, build releases"),
    ("review", "Can review what annotators send"),
]


class Migration(migrations.Migration):
    dependencies = [("annotation", "0002_batch_closing")]

    operations = [
        migrations.AlterModelOptions(
            name="batch",
            options={"ordering": ["-created_at"], "permissions": PERMISSIONS, "verbose_name_plural": "batches"},
        ),
    ]
