"""What is erased while it is being told of waits for the telling, and takes the calls that came of it along."""

from django.db import migrations

# The row of an event is held by whoever makes calls of it: they are not to be seen before it is let go.
LOCKING = """
CREATE OR REPLACE FUNCTION api_erase_webhook_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM api_webhookevent WHERE subject = OLD.id ORDER BY number FOR UPDATE;
    DELETE FROM api_webhookattempt WHERE call_id IN (
        SELECT call.id FROM api_webhookcall call
        JOIN api_webhookevent event ON event.number = call.event_id WHERE event.subject = OLD.id);
    DELETE FROM api_webhookcall WHERE event_id IN (
        SELECT number FROM api_webhookevent WHERE subject = OLD.id);
    DELETE FROM api_webhookevent WHERE subject = OLD.id;
    RETURN NULL;
END $$;
"""
HURRYING = LOCKING.replace(
    "    PERFORM FROM api_webhookevent WHERE subject = OLD.id ORDER BY number FOR UPDATE;\n", ""
)


class Migration(migrations.Migration):
    dependencies = [("api", "0004_erased_requester")]

    operations = [migrations.RunSQL(LOCKING, HURRYING)]
