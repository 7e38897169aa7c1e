"""A contact that was saved as it was has not changed, although it says when it was saved."""

from django.db import migrations

CHANGED = """
DROP TRIGGER api_note_updated ON conversations_contact;
CREATE TRIGGER api_note_updated AFTER UPDATE ON conversations_contact FOR EACH ROW
WHEN (to_jsonb(OLD) - 'updated_at' IS DISTINCT FROM to_jsonb(NEW) - 'updated_at'
    AND NOT (OLD.merged_into_id IS NULL AND NEW.merged_into_id IS NOT NULL))
EXECUTE FUNCTION api_note_row('contact', 'updated');
"""
SAVED = """
DROP TRIGGER api_note_updated ON conversations_contact;
CREATE TRIGGER api_note_updated AFTER UPDATE ON conversations_contact FOR EACH ROW
WHEN (OLD.* IS DISTINCT FROM NEW.* AND NOT (OLD.merged_into_id IS NULL AND NEW.merged_into_id IS NOT NULL))
EXECUTE FUNCTION api_note_row('contact', 'updated');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0002_webhooks"),
        ("conversations", "0009_custom_fields"),
    ]

    operations = [migrations.RunSQL(CHANGED, SAVED)]
