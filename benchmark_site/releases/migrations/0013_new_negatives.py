from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0012_option_count'),
    ]

    operations = [
        migrations.AddField(
            model_name='release',
            name='new_negatives',
            field=models.BooleanField(default=False, help_text='each is the right answer of another question where one fits, for questions whose own wrong answers are not wanted; otherwise one a question on average', verbose_name='all wrong answers are new'),
        ),
    ]
