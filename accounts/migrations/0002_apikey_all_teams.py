from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def say_what_was_meant(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Until now a key without teams saw every team."""
    apps.get_model("accounts", "ApiKey").objects.filter(teams=None).update(all_teams=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="all_teams",
            field=models.BooleanField(
                default=False,
                help_text="Sees every team; otherwise only those chosen here.",
                verbose_name="all teams",
            ),
        ),
        migrations.RunPython(say_what_was_meant, migrations.RunPython.noop),
    ]
