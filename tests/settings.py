"""The product's settings with what tests need: quick passwords, static files straight from their sources."""

from helpdesk.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CHAT_MESSAGES_PER_MINUTE = CHAT_NEWCOMERS_PER_MINUTE = RATE_LIMIT_PER_MINUTE = 10_000
API_REQUESTS_PER_MINUTE = API_REFUSALS_PER_MINUTE = 0
# As many as tests like; those of the limits set their own.
ACCOUNT_MAILS_PER_HOUR = 10_000
REGISTRATION = "open"
