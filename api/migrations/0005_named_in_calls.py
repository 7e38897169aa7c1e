"""A customer who is erased disappears as well from what was told of things that are another's by now.

And waits for what is just being told of them, and takes the calls that came of it along.
"""

from django.db import migrations, models

FUNCTION = """
CREATE OR REPLACE FUNCTION api_erase_webhook_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN{lock}
    DELETE FROM api_webhookattempt WHERE call_id IN (
        SELECT call.id FROM api_webhookcall call
        JOIN api_webhookevent event ON event.number = call.event_id WHERE {gone});
    DELETE FROM api_webhookcall WHERE event_id IN (
        SELECT event.number FROM api_webhookevent event WHERE {gone});
    DELETE FROM api_webhookevent event WHERE {gone};
    RETURN NULL;
END $$;
"""
# Whoever makes calls of events holds this: they are not to be seen before it is let go. One lock for all, since an
# erasing goes from one thing to the next in an order of its own.
LOCK = """
    PERFORM pg_advisory_xact_lock(hashtext('api.telling'));"""
# The trigger of contacts gives the id of a person, the others that of a thing.
BOTH = "(event.subject = OLD.id OR event.person = OLD.id)"
ERASE = FUNCTION.format(lock=LOCK, gone=BOTH)
KEEP_NAMED = FUNCTION.format(lock="", gone="event.subject = OLD.id")


class Migration(migrations.Migration):
    dependencies = [("api", "0004_erased_requester")]

    operations = [
        migrations.AddField(
            model_name="webhookevent",
            name="person",
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(
                condition=models.Q(("person__isnull", False)),
                fields=["person"],
                name="webhookevent_of_person",
            ),
        ),
        migrations.RunSQL(ERASE, KEEP_NAMED),
    ]
