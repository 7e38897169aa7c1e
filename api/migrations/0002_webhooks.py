"""Webhooks, and the triggers that note for them what happens."""

import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import core.encryption

# With no active webhook one look at an empty index; with any number of them one row.
NOTE = """
CREATE FUNCTION api_note_webhook_event(
    about text, row_id uuid, row_seq integer, what text, log_id bigint, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM api_webhook WHERE is_active) THEN
        INSERT INTO api_webhookevent (topic, subject, seq, kind, log, happened_at)
        VALUES (about, row_id, row_seq, what, log_id, at);
    END IF;
END $$;

CREATE FUNCTION api_note_conversation_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM api_note_webhook_event(
        'conversation', NEW.conversation_id, NEW.seq, NEW.type, NEW.id, NEW.created_at);
    RETURN NULL;
END $$;
CREATE TRIGGER api_note AFTER INSERT ON conversations_event FOR EACH ROW
WHEN (NEW.type NOT LIKE 'run.%' AND NEW.type NOT LIKE 'ticket.%')
EXECUTE FUNCTION api_note_conversation_event();

CREATE FUNCTION api_note_ticket_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM api_note_webhook_event('ticket', NEW.ticket_id, NEW.seq, NEW.type, NEW.id, NEW.created_at);
    RETURN NULL;
END $$;
CREATE TRIGGER api_note AFTER INSERT ON tickets_ticketevent FOR EACH ROW
EXECUTE FUNCTION api_note_ticket_event();

CREATE FUNCTION api_note_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM api_note_webhook_event(TG_ARGV[0], NEW.id, NULL, TG_ARGV[1], NULL, clock_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER api_note_created AFTER INSERT ON conversations_conversation FOR EACH ROW
EXECUTE FUNCTION api_note_row('conversation', 'created');
CREATE TRIGGER api_note_created AFTER INSERT ON conversations_contact FOR EACH ROW
EXECUTE FUNCTION api_note_row('contact', 'created');
CREATE TRIGGER api_note_merged AFTER UPDATE ON conversations_contact FOR EACH ROW
WHEN (OLD.merged_into_id IS NULL AND NEW.merged_into_id IS NOT NULL)
EXECUTE FUNCTION api_note_row('contact', 'merged');
CREATE TRIGGER api_note_updated AFTER UPDATE ON conversations_contact FOR EACH ROW
WHEN (OLD.* IS DISTINCT FROM NEW.* AND NOT (OLD.merged_into_id IS NULL AND NEW.merged_into_id IS NOT NULL))
EXECUTE FUNCTION api_note_row('contact', 'updated');
CREATE TRIGGER api_note_created AFTER INSERT ON campaigns_campaign FOR EACH ROW
EXECUTE FUNCTION api_note_row('campaign', 'created');
CREATE TRIGGER api_note_updated AFTER UPDATE OF status ON campaigns_campaign FOR EACH ROW
WHEN (OLD.status IS DISTINCT FROM NEW.status)
EXECUTE FUNCTION api_note_row('campaign', 'updated');
"""
FORGET_NOTES = """
DROP TRIGGER api_note ON conversations_event;
DROP TRIGGER api_note ON tickets_ticketevent;
DROP TRIGGER api_note_created ON conversations_conversation;
DROP TRIGGER api_note_created ON conversations_contact;
DROP TRIGGER api_note_merged ON conversations_contact;
DROP TRIGGER api_note_updated ON conversations_contact;
DROP TRIGGER api_note_created ON campaigns_campaign;
DROP TRIGGER api_note_updated ON campaigns_campaign;
DROP FUNCTION api_note_row, api_note_ticket_event, api_note_conversation_event, api_note_webhook_event;
"""
# What is erased is not told any more, and does not stay in the log of calls.
ERASE = """
CREATE FUNCTION api_erase_webhook_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM api_webhookattempt WHERE call_id IN (
        SELECT call.id FROM api_webhookcall call
        JOIN api_webhookevent event ON event.number = call.event_id WHERE event.subject = OLD.id);
    DELETE FROM api_webhookcall WHERE event_id IN (
        SELECT number FROM api_webhookevent WHERE subject = OLD.id);
    DELETE FROM api_webhookevent WHERE subject = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER api_erase AFTER DELETE ON conversations_conversation FOR EACH ROW
EXECUTE FUNCTION api_erase_webhook_events();
CREATE TRIGGER api_erase AFTER DELETE ON conversations_contact FOR EACH ROW
EXECUTE FUNCTION api_erase_webhook_events();
CREATE TRIGGER api_erase AFTER DELETE ON tickets_ticket FOR EACH ROW
EXECUTE FUNCTION api_erase_webhook_events();
"""
KEEP_ERASED = """
DROP TRIGGER api_erase ON conversations_conversation;
DROP TRIGGER api_erase ON conversations_contact;
DROP TRIGGER api_erase ON tickets_ticket;
DROP FUNCTION api_erase_webhook_events;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_apikey_all_teams"),
        ("api", "0001_idempotentrequest"),
        ("campaigns", "0005_recipient_newcomer"),
        ("conversations", "0006_contact_attributes"),
        ("tickets", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Webhook",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("url", models.CharField(max_length=2000, verbose_name="address")),
                ("description", models.CharField(blank=True, max_length=200, verbose_name="description")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "all_teams",
                    models.BooleanField(
                        default=False,
                        help_text="Hears of every team; otherwise only of those chosen here.",
                        verbose_name="all teams",
                    ),
                ),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40),
                        default=list,
                        size=None,
                        verbose_name="events",
                    ),
                ),
                ("secrets", core.encryption.EncryptedJSONField(default=list, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated")),
                ("teams", models.ManyToManyField(blank=True, to="accounts.team", verbose_name="teams")),
            ],
            options={
                "verbose_name": "webhook",
                "verbose_name_plural": "webhooks",
                "ordering": ("-created_at", "id"),
            },
        ),
        migrations.CreateModel(
            name="WebhookState",
            fields=[
                (
                    "webhook",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="state",
                        serialize=False,
                        to="api.webhook",
                    ),
                ),
                (
                    "light",
                    models.CharField(
                        choices=[
                            ("unknown", "Not tested"),
                            ("green", "Working"),
                            ("yellow", "Struggling"),
                            ("red", "Not working"),
                        ],
                        default="unknown",
                        max_length=8,
                        verbose_name="health",
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=500, verbose_name="last error")),
                ("failures", models.PositiveIntegerField(default=0, verbose_name="failures in a row")),
                ("pauses", models.PositiveIntegerField(default=0)),
                ("not_before", models.DateTimeField(blank=True, null=True, verbose_name="paused until")),
                ("failing_since", models.DateTimeField(blank=True, null=True, verbose_name="failing since")),
                ("failed_at", models.DateTimeField(blank=True, null=True, verbose_name="last failure")),
                ("delivered_at", models.DateTimeField(blank=True, null=True, verbose_name="last delivery")),
                (
                    "disabled",
                    models.CharField(blank=True, max_length=500, verbose_name="switched off because"),
                ),
            ],
            options={
                "verbose_name": "state of a webhook",
                "verbose_name_plural": "states of webhooks",
            },
        ),
        migrations.CreateModel(
            name="WebhookCall",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subject", models.UUIDField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("calling", "Being sent"),
                            ("delivered", "Delivered"),
                            ("failed", "Not delivered"),
                        ],
                        default="waiting",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("step", models.PositiveSmallIntegerField(default=0)),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("next_try_at", models.DateTimeField(blank=True, null=True, verbose_name="next try")),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calls",
                        to="api.webhook",
                        verbose_name="webhook",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook call",
                "verbose_name_plural": "webhook calls",
            },
        ),
        migrations.CreateModel(
            name="WebhookAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="time")),
                ("status", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="answer")),
                ("duration_ms", models.PositiveIntegerField(verbose_name="milliseconds")),
                ("error", models.CharField(blank=True, max_length=500, verbose_name="error")),
                ("answer", models.TextField(blank=True, verbose_name="beginning of the answer")),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tries",
                        to="api.webhookcall",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook attempt",
                "verbose_name_plural": "webhook attempts",
                "ordering": ("at", "pk"),
            },
        ),
        migrations.CreateModel(
            name="WebhookEvent",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, unique=True
                    ),
                ),
                (
                    "topic",
                    models.CharField(
                        choices=[
                            ("conversation", "Conversation"),
                            ("ticket", "Ticket"),
                            ("contact", "Customer"),
                            ("campaign", "Campaign"),
                            ("ping", "Test"),
                        ],
                        max_length=12,
                        verbose_name="about",
                    ),
                ),
                ("subject", models.UUIDField()),
                ("seq", models.PositiveIntegerField(blank=True, null=True, verbose_name="number")),
                ("kind", models.CharField(max_length=32)),
                ("log", models.BigIntegerField(blank=True, null=True)),
                (
                    "happened_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="happened"
                    ),
                ),
                ("name", models.CharField(db_default="", default="", max_length=40, verbose_name="event")),
                ("body", models.TextField(db_default="", default="")),
            ],
            options={
                "verbose_name": "webhook event",
                "verbose_name_plural": "webhook events",
                "indexes": [
                    models.Index(
                        condition=models.Q(("name", "")), fields=["number"], name="webhookevent_untold"
                    ),
                    models.Index(fields=["subject"], name="webhookevent_of_subject"),
                ],
            },
        ),
        migrations.AddField(
            model_name="webhookcall",
            name="event",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="calls",
                to="api.webhookevent",
                verbose_name="event",
            ),
        ),
        migrations.AddIndex(
            model_name="webhook",
            index=models.Index(
                condition=models.Q(("is_active", True)), fields=["is_active"], name="webhook_active"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookcall",
            index=models.Index(
                condition=models.Q(("status__in", ("waiting", "calling"))),
                fields=["webhook", "subject", "event"],
                name="webhookcall_unfinished",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookcall",
            index=models.Index(fields=["webhook", "-created_at", "id"], name="webhookcall_newest"),
        ),
        migrations.AddConstraint(
            model_name="webhookcall",
            constraint=models.UniqueConstraint(fields=("webhook", "event"), name="webhookcall_once"),
        ),
        migrations.AddConstraint(
            model_name="webhookcall",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("status__in", ("waiting", "calling"))),
                    models.Q(
                        models.Q(("status__in", ("waiting", "calling")), _negated=True),
                        ("ended_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="webhookcall_ended_has_time",
            ),
        ),
        migrations.RunSQL(NOTE, FORGET_NOTES),
        migrations.RunSQL(ERASE, KEEP_ERASED),
    ]
