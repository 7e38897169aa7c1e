"""A customer who is erased disappears from the log of calls about their tickets too, which stay."""

from django.db import migrations

# Nothing else takes a ticket's customer away.
ERASE = """
CREATE TRIGGER api_erase_requester AFTER UPDATE OF requester_id ON tickets_ticket FOR EACH ROW
WHEN (OLD.requester_id IS NOT NULL AND NEW.requester_id IS NULL)
EXECUTE FUNCTION api_erase_webhook_events();
"""
KEEP_ERASED = "DROP TRIGGER api_erase_requester ON tickets_ticket;"


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0003_contact_really_changed"),
        ("tickets", "0001_initial"),
    ]

    operations = [migrations.RunSQL(ERASE, KEEP_ERASED)]
