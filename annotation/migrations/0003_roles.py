"""The groups Reviewers and Requesters with their permissions; operators put people into them in the admin."""

from django.db import migrations

PERMISSIONS = [
    ("collect", "Can collect: order work, see what is collected and its money, build releases"),
    ("review", "Can review what annotators send"),
]
GROUPS = {"Reviewers": ["review"], "Requesters": ["collect", "review"]}


def make_groups(apps, schema_editor):
    # Django makes the rows of permissions only after the last migration, and finds these then.
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="annotation", model="batch"
    )
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    made = {
        codename: Permission.objects.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": name}
        )[0]
        for codename, name in PERMISSIONS
    }
    for name, codenames in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*(made[codename] for codename in codenames))


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0002_batch_closing"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="batch",
            options={"ordering": ["-created_at"], "permissions": PERMISSIONS, "verbose_name_plural": "batches"},
        ),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
