from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0004_contact_lent"),
    ]

    operations = [
        migrations.AddField(
            model_name="inboxstate",
            name="refused_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last refused"),
        ),
    ]
