import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotation', '0027_counts_of_reviewed'),
    ]

    operations = [
        migrations.AddField(
            model_name='batch',
            name='blind_bonus',
            field=models.DecimalField(blank=True, decimal_places=2, help_text='US dollars for each question that blind models do not answer without the film; empty: none', max_digits=7, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0.01'))], verbose_name='bonus for what cannot be guessed'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.CheckConstraint(condition=models.Q(('blind_bonus', None), models.Q(('blind_bonus__gt', 0), ('kind', 'qa')), _connector='OR'), name='batch_blind_bonus_of_questions'),
        ),
        migrations.CreateModel(
            name='BlindCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('waiting', 'not looked at yet'), ('guessed', 'guessed without the film'), ('resisted', 'not guessed without the film'), ('rewarded', 'not guessed without the film, and its bonus is ordered')], default='waiting', max_length=8)),
                ('chance', models.FloatField(blank=True, help_text='that the model gives the right answer, 0 to 1', null=True)),
                ('why', models.CharField(blank=True, help_text='what gives it away, where it was guessed', max_length=100)),
                ('assignment', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='blind_check', to='annotation.assignment')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('chance', None), ('state', 'waiting')), models.Q(models.Q(('state', 'waiting'), _negated=True), ('chance__isnull', False), ('chance__range', (0, 1))), _connector='OR'), name='blind_check_has_a_chance_once_looked_at'), models.CheckConstraint(condition=models.Q(('state', 'guessed'), ('why', ''), _connector='OR'), name='blind_check_says_why_where_it_was_guessed')],
            },
        ),
    ]
