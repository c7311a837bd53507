import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    """Answers that come from now on name the batch of their HIT; the next migration gives it to those of before."""

    dependencies = [
        ('annotation', '0028_blind_bonuses'),
    ]

    operations = [
        migrations.AddField(
            model_name='assignment',
            name='batch',
            field=models.ForeignKey(db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='annotation.batch'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hit',
            trigger=pgtrigger.compiler.Trigger(name='stays_in_its_batch', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."batch_id" IS DISTINCT FROM (NEW."batch_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='959c63ed3d223dc8f9d92c589bd1dec02135a1e9', operation='UPDATE', pgid='pgtrigger_stays_in_its_batch_6cbf6', table='annotation_hit', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='assignment',
            trigger=pgtrigger.compiler.Trigger(name='batch_of_its_hit', sql=pgtrigger.compiler.UpsertTriggerSql(func='SELECT batch_id INTO NEW.batch_id FROM annotation_hit WHERE id = NEW.hit_id; RETURN NEW;', hash='1127447e1c774057cf753a9cd3a6b6e9fe6cf10f', operation='INSERT OR UPDATE OF "hit_id", "batch_id"', pgid='pgtrigger_batch_of_its_hit_85eeb', table='annotation_assignment', when='BEFORE')),
        ),
    ]
