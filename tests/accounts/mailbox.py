"""Reads what the system mails: carries the planned jobs out, and finds the links."""

import json
import re

from django.conf import settings
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connection

from accounts.actions.mailing import write
from accounts.mails import send
from accounts.tasks import MailKind


def delivered() -> list[EmailMessage]:
    """Carries out every planned mail, as the job does, and returns those that went out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE task_name = 'accounts.send_mail' AND status = 'todo'"
            " RETURNING id, args"
        )
        planned = [json.loads(arguments) for _id, arguments in sorted(cursor.fetchall())]
    before = len(mail.outbox)
    for arguments in planned:
        ready = write(MailKind(arguments["kind"]), arguments["about"])
        if ready is not None:
            send(ready)
    return list(mail.outbox[before:])


def token_in(letter: EmailMessage) -> str:
    """Returns the token of the link in a mail, which leads to this installation."""
    (link,) = re.findall(r"\S+/accounts/\S+", str(letter.body))
    assert link.startswith(f"{settings.PUBLIC_URL}/accounts/")
    return str(link).rstrip("/").rpartition("/")[2]
