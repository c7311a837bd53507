from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0011_item_query'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='item',
            name='item_is_query_or_question',
        ),
        migrations.RemoveConstraint(
            model_name='negative',
            name='negative_option_exists',
        ),
        migrations.RemoveConstraint(
            model_name='suspect',
            name='suspect_option_exists',
        ),
        migrations.AddField(
            model_name='release',
            name='option_count',
            field=models.PositiveSmallIntegerField(choices=[(4, 'four'), (5, 'five')], default=4, help_text="the crowd's questions and How2QA's have four, TVQA's five; those with another number are left out", verbose_name='options of a question'),
        ),
        migrations.AddConstraint(
            model_name='item',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answer_index__isnull', True), ('kind', 'moment'), ('options', []), models.Q(('type', ''), _negated=True)), models.Q(('answer_index__isnull', False), ('answer_index__lt', models.F('options__len')), ('kind', 'qa'), ('options__len__in', [4, 5]), ('type', '')), _connector='OR'), name='item_is_query_or_question'),
        ),
        migrations.AddConstraint(
            model_name='negative',
            constraint=models.CheckConstraint(condition=models.Q(('option__lt', 5)), name='negative_option_exists'),
        ),
        migrations.AddConstraint(
            model_name='release',
            constraint=models.CheckConstraint(condition=models.Q(('option_count__in', [4, 5])), name='release_option_count_is_known'),
        ),
        migrations.AddConstraint(
            model_name='suspect',
            constraint=models.CheckConstraint(condition=models.Q(('option__lt', 5)), name='suspect_option_exists'),
        ),
    ]
