from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("storage", "0007_letters"),
    ]

    operations = [
        migrations.AddField(
            model_name="gap",
            name="from_mono_ns",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="gap",
            name="to_mono_ns",
            field=models.BigIntegerField(blank=True, null=True),
        ),
    ]
