import datetime

from django.db import migrations, models
from django.db.models import F


def from_expiry(apps, schema_editor):
    apps.get_model("marketplace", "Hit").objects.update(dispose_at=F("expires_at") + datetime.timedelta(days=120))


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0001_initial")]

    operations = [
        migrations.AddField("hit", "dispose_at", models.DateTimeField(null=True)),
        migrations.RunPython(from_expiry, migrations.RunPython.noop),
        migrations.AlterField("hit", "dispose_at", models.DateTimeField()),
        migrations.RemoveIndex("hit", "hit_to_dispose"),
        migrations.AddIndex(
            "hit",
            models.Index(fields=["dispose_at"], name="hit_to_dispose", condition=models.Q(disposed_at=None)),
        ),
    ]
