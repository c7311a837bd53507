from django.db import migrations, models

import annotation.marketplace.countries


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0002_hit_dispose_at")]

    operations = [
        migrations.AlterField(
            model_name="fault",
            name="kind",
            field=models.CharField(
                choices=[
                    ("lost_answer", "Lost Answer"),
                    ("throttling", "Throttling"),
                    ("service_fault", "Service Fault"),
                    ("delay", "Delay"),
                    ("duplicate_notice", "Duplicate Notice"),
                    ("clock_skew", "Clock Skew"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="worker",
            name="country",
            field=models.CharField(
                blank=True,
                help_text="ISO 3166-1 code, in capitals; what the Locale qualification sees",
                max_length=2,
                validators=[annotation.marketplace.countries.validate],
            ),
        ),
    ]
