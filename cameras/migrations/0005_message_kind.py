from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cameras", "0004_camera_schedule"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="cause",
            field=models.CharField(blank=True, default="", max_length=40),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="message",
            name="kind",
            field=models.CharField(blank=True, default="", max_length=10),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="message",
            name="until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["camera", "at"], name="message_of_camera"),
        ),
    ]
