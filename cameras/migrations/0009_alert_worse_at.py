"""When a warning became critical: who was told of it is told so."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cameras", "0008_message_said")]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="worse_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
