import benchmark_site.releases.item_query
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0010_on_one_side'),
    ]

    operations = [
        migrations.AddField(
            model_name='release',
            name='only_items',
            field=models.CharField(blank=True, help_text='words of their text, as in a web search, and task:moment, task:qa, type:v, seconds:5-30; empty: all', max_length=300, validators=[benchmark_site.releases.item_query.validate_item_query]),
        ),
    ]
