"""django-helpdesk as its own documentation sets it up, with connections to PostgreSQL that stay open.

Run, it makes the tables, somebody of the staff and so many tickets, and prints what a client needs to know.
Served (`site_of_peer:application`), it answers. It knows nothing of ours: both have a package `helpdesk`.
"""

import json
import os
import sys
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

url = urlsplit(os.environ["PEER_DATABASE_URL"])
settings.configure(
    SECRET_KEY="of a measurement",  # noqa: S106 (nothing here is worth one)
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    SITE_ID=1,
    LOGIN_URL="/login/",
    HELPDESK_ACTIVATE_API_ENDPOINT=True,
    HELPDESK_TEAMS_MODE_ENABLED=False,
    EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path.strip("/"),
            "USER": url.username,
            "PASSWORD": unquote(url.password or ""),
            "HOST": url.hostname,
            "PORT": url.port,
            "CONN_MAX_AGE": None,
        }
    },
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "django.contrib.sites",
        "django.contrib.humanize",
        "rest_framework",
        "django_cleanup.apps.CleanupConfig",
        "helpdesk",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
)
django.setup()
urlpatterns = [path("", include("helpdesk.urls"))]
application = get_wsgi_application()


def prepare(tickets: int) -> dict[str, object]:
    """Makes the tables and their rows; returns the queue, and the headers of who is signed in."""
    from django.contrib.auth import get_user_model  # deferred: app ready
    from django.middleware.csrf import _get_new_csrf_string  # deferred: app ready
    from django.test import Client  # deferred: app ready

    from helpdesk.models import Queue, Ticket  # type: ignore[import-not-found]  # deferred: app ready
    from helpdesk.query import query_to_base64  # type: ignore[import-not-found]  # deferred: app ready

    call_command("migrate", verbosity=0)
    user = get_user_model().objects.create_superuser("staff", "staff@example.com")
    queue = Queue.objects.create(title="Support", slug="support")
    words = "The parcel left our house this morning and will be at your door on Friday."
    Ticket.objects.bulk_create(
        [Ticket(queue=queue, title="Late", description=f"{words} ({number})") for number in range(tickets)],
        batch_size=1000,
    )
    browser = Client()
    browser.force_login(user)
    token = _get_new_csrf_string()
    cookies = f"sessionid={browser.cookies['sessionid'].value}; csrftoken={token}"
    newest = {"filtering": {}, "sorting": "created", "sortreverse": True}
    return {
        "queue": queue.pk,
        "headers": {"Cookie": cookies, "X-CSRFToken": token},
        "list": f"/datatables_ticket_list/{query_to_base64(newest)}?draw=1&start=0&length=25",
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(prepare(int(sys.argv[1]))) + "\n")
