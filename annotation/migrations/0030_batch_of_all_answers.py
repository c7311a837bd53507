from django.db import migrations

AT_ONCE = 20_000  # keys of a statement, each a transaction: nobody waits for longer than that takes
FILL = """
UPDATE annotation_assignment AS answer
SET batch_id = hit.batch_id
FROM annotation_hit AS hit
WHERE hit.id = answer.hit_id AND answer.batch_id IS NULL AND answer.id BETWEEN %s AND %s
"""


def fill(apps, schema_editor):
    """Give their batch to the answers of before; after a run that was cut off, to those that have none yet."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute('SELECT min(id), max(id) FROM annotation_assignment WHERE batch_id IS NULL')
        first, last = cursor.fetchone()
        if first is None:
            return
        for start in range(first, last + 1, AT_ONCE):
            cursor.execute(FILL, [start, start + AT_ONCE - 1])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('annotation', '0029_batch_of_answers'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
