from django.db import migrations, models

COUNT = """
UPDATE annotation_batch AS batch
SET reviewed = counted.reviewed, rejected = counted.rejected
FROM (
    SELECT hit.batch_id,
           count(*) AS reviewed,
           count(*) FILTER (WHERE answer.state IN ('rejecting', 'rejected')) AS rejected
    FROM annotation_assignment AS answer JOIN annotation_hit AS hit ON hit.id = answer.hit_id
    WHERE answer.reviewed_at IS NOT NULL
    GROUP BY hit.batch_id
) AS counted
WHERE counted.batch_id = batch.id
"""


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0026_receipt_by_worker'),
    ]

    operations = [
        migrations.AddField(
            model_name='batch',
            name='reviewed',
            field=models.PositiveIntegerField(default=0, editable=False, help_text='answers that somebody has decided'),
        ),
        migrations.AddField(
            model_name='batch',
            name='rejected',
            field=models.PositiveIntegerField(default=0, editable=False, help_text='of these, as things stand'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.CheckConstraint(condition=models.Q(('rejected__lte', models.F('reviewed'))), name='batch_rejected_of_reviewed'),
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
