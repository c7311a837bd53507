import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0030_batch_of_all_answers'),
    ]

    operations = [
        migrations.AlterField(
            model_name='assignment',
            name='batch',
            field=models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='annotation.batch'),
        ),
        migrations.RemoveIndex(
            model_name='assignment',
            name='assignment_unreviewed',
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=models.Index(fields=['batch', 'id'], name='assignment_by_batch'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=models.Index(condition=models.Q(('state', 'submitted'), models.Q(('reviewed_at', None), ('state', 'approved')), _connector='OR'), fields=['batch', 'id'], name='assignment_unreviewed'),
        ),
    ]
