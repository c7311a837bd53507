import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# Not by django-pgtrigger: its functions catch an error each time, and PostgreSQL goes over all that a transaction has
# put off until its end each time an error is caught. 200,000 answers in one took minutes.
FILL_IN = """
CREATE FUNCTION annotation_batch_of_its_hit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT batch_id INTO NEW.batch_id FROM annotation_hit WHERE id = NEW.hit_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER annotation_batch_of_its_hit BEFORE INSERT OR UPDATE OF hit_id, batch_id ON annotation_assignment
    FOR EACH ROW EXECUTE FUNCTION annotation_batch_of_its_hit();
"""
DROP = """
DROP TRIGGER annotation_batch_of_its_hit ON annotation_assignment;
DROP FUNCTION annotation_batch_of_its_hit();
"""


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
        migrations.RunSQL(FILL_IN, DROP),
    ]
