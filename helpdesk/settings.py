"""One settings file, fed by the environment only.

Every variable is listed in `.env.example`. A secret may be given as `NAME_FILE`, the path of a file that
holds it. A value that cannot be used stops the process at once with the name of the variable.
"""

import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from helpdesk import embedded
from helpdesk.media import media_storage

# Lets `ModelAdmin[Model]` and the like be written at run time too.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent


class Env(environ.Env):
    """Names the variable whose value cannot be read."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """Returns the value; raises ImproperlyConfigured with a sentence that a person understands."""
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            message = f"{var}={os.environ.get(var, '')} cannot be read: {error}"
            raise ImproperlyConfigured(message) from error


env = Env()


def secret(name: str, default: str = "") -> str:
    """Returns the variable, or the content of the file that `NAME_FILE` points to."""
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return str(env.str(name, default=default))
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        message = f"{name}_FILE={path} cannot be read: {error}"
        raise ImproperlyConfigured(message) from error


def stored_key(path: Path) -> str:
    """Returns the installation's own secret key, made on first use and readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text(encoding="utf-8").strip()


VERSION = "0.1.0"
HELPDESK_HOME = Path(env.str("HELPDESK_HOME", default=str(BASE_DIR / "var"))).resolve()
PORT = env.int("PORT", default=8000)
# `serve` fills an empty database with a demonstration, whose passwords are public: never on a real one.
DEMO = env.bool("HELPDESK_DEMO", default=not secret("DATABASE_URL"))
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = secret("SECRET_KEY") or stored_key(HELPDESK_HOME / "secret_key")
# Keys that were in use before: what they closed or signed is still read.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
SECURE = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    # Daphne only serves `manage.py runserver`; loading Twisted costs every other command 20 MiB and 0.3 s.
    *(["daphne"] if "runserver" in sys.argv else []),
    "desk.apps.DeskAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.sitemaps",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "procrastinate.contrib.django",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "core",
    "accounts",
    "llm",
    "conversations",
    "tickets",
    "knowledge",
    "integrations.web",
    "agents",
    "campaigns",
    "api",
    "desk",
    "helpdesk",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "helpdesk.policy.PolicyMiddleware",
    "helpdesk.static_files.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.signing_in.middleware.require_second_factor",
]

ROOT_URLCONF = "helpdesk.urls"
ASGI_APPLICATION = "helpdesk.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Postgres: the truth ----------------------------------------------------------------------------------
database_url = secret("DATABASE_URL") or embedded.url(HELPDESK_HOME)
if not database_url.startswith(("postgres://", "postgresql://")):
    message = "DATABASE_URL must look like postgres://user:password@host:5432/name"
    raise ImproperlyConfigured(message)
DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(database_url)}
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
# The threads that run ORM code are few and live as long as the process (core.threads), so each keeps its
# connection; a health check replaces it after a database restart.
DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
DATABASES["default"].setdefault("OPTIONS", {})["connect_timeout"] = 5
# A pooler between us and PostgreSQL that gives each transaction another connection loses prepared statements.
DATABASE_PREPARE = env.bool("DATABASE_PREPARE", default=True)
if DATABASE_PREPARE:
    DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 3
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_THREADS = env.int("DATABASE_THREADS", default=4)

# --- Redis: hints and caches; without it, one process -----------------------------------------------------
REDIS_URL = secret("REDIS_URL")
RUN_WORKER = env.bool("HELPDESK_WORKER", default=True)
WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=20)
# A Redis that does not answer is as good as away: nobody waits long for a hint.
REDIS_OPTIONS = {"socket_connect_timeout": 1, "socket_timeout": 1, "socket_keepalive": True}
if REDIS_URL:
    # Pub/sub rather than the list-based layer: measured 0.12 against 0.69 ms for a group of ten.
    CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "core.shared_layer.SharedLayer",
            "CONFIG": {"hosts": [{"address": REDIS_URL, **REDIS_OPTIONS}]},
        }
    }
    CACHES: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "core.shared_cache.SharedCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": REDIS_OPTIONS,
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "core.layer.OneProcessLayer", "CONFIG": {"capacity": 1000}}}
    # With Django's own 300, strangers who try as many names would have every limit's count forgotten.
    CACHES = {
        "default": {
            "BACKEND": "core.cache.OneProcessCache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    }

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
PROCRASTINATE_WORKER_DEFAULTS = {"delete_jobs": "successful"}

# --- People -----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "accounts.signing_in.backends.SignOnOnlyBackend",
    "django.contrib.auth.backends.ModelBackend",
    "accounts.permissions.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
# From wherever: who guesses has more than one address.
AXES_LOCKOUT_PARAMETERS = ["username", ["username", "ip_address"]]
AXES_ENABLE_ADMIN = False
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"
ACCESS_TOKEN_MINUTES = env.int("ACCESS_TOKEN_MINUTES", default=15)
REFRESH_TOKEN_DAYS = env.int("REFRESH_TOKEN_DAYS", default=7)
REGISTRATION = env.str("REGISTRATION", default="off")
PASSWORD_RESET_TIMEOUT = 3600  # seconds
# What somebody may have sent to one mailbox.
ACCOUNT_MAILS_PER_HOUR = env.int("ACCOUNT_MAILS_PER_HOUR", default=5)

# --- Signing in -------------------------------------------------------------------------------------------
# Who must have a second factor: operator, lead, admin.
MFA_REQUIRED_ROLES = env.list("MFA_REQUIRED_ROLES", default=[])
if unknown_roles := set(MFA_REQUIRED_ROLES) - {"operator", "lead", "admin"}:
    message = f"MFA_REQUIRED_ROLES knows operator, lead and admin, not {', '.join(sorted(unknown_roles))}"
    raise ImproperlyConfigured(message)
# Single sign-on by OpenID Connect, with one provider.
OIDC_ISSUER = env.str("OIDC_ISSUER", default="").rstrip("/")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = secret("OIDC_CLIENT_SECRET")
OIDC_NAME = env.str("OIDC_NAME", default="Single sign-on")
# The claim that names the role, with dots into objects; "": roles are set here.
OIDC_ROLE_CLAIM = env.str("OIDC_ROLE_CLAIM", default="")
OIDC_CREATE_USERS = env.bool("OIDC_CREATE_USERS", default=False)
# Nobody but superusers signs in in another way.
OIDC_ONLY = env.bool("OIDC_ONLY", default=False)
if (OIDC_ISSUER and not OIDC_CLIENT_ID) or (OIDC_ONLY and not OIDC_ISSUER):
    message = "Single sign-on needs both OIDC_ISSUER and OIDC_CLIENT_ID"
    raise ImproperlyConfigured(message)
ACCOUNT_ADAPTER = "accounts.signing_in.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
# Tries are counted by django-axes and by accounts.doors, which fail closed without the cache.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
MFA_ADAPTER = "accounts.signing_in.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
# A clock may be half a minute off; a code is good for once all the same (accounts.signing_in.codes).
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "accounts.signing_in.forms.CodeForm",
    "reauthenticate": "accounts.signing_in.forms.CodeAgainForm",
    "activate_totp": "accounts.signing_in.forms.FirstCodeForm",
    "add_webauthn": "accounts.signing_in.forms.NewPasskeyForm",
    "edit_webauthn": "accounts.signing_in.forms.PasskeyNameForm",
    "login_webauthn": "accounts.signing_in.forms.PasskeyForm",
    "authenticate_webauthn": "accounts.signing_in.forms.PasskeyAsSecondForm",
    "reauthenticate_webauthn": "accounts.signing_in.forms.PasskeyAgainForm",
}
SOCIALACCOUNT_ADAPTER = "accounts.signing_in.adapters.SignOnAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = {
    "openid_connect": {
        "provider_class": "accounts.signing_in.oidc.SignOn",
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER},
            }
        ]
        if OIDC_ISSUER
        else [],
    }
}

# --- Mails of the system itself; customers' come through inboxes ------------------------------------------
EMAIL_URL = secret("EMAIL_URL")
# Without a server they are printed.
globals().update(env.email_url_config(EMAIL_URL or "consolemail://"))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="helpdesk@localhost")

# --- Channels, knowledge, models --------------------------------------------------------------------------
CHANNEL_ADAPTERS = {
    "web": "integrations.web.adapter.WebAdapter",
    "telegram": "integrations.telegram.adapter.TelegramAdapter",
    "api": "integrations.api_channel.adapter.ApiAdapter",
    "whatsapp_cloud": "integrations.whatsapp_cloud.adapter.WhatsAppCloudAdapter",
    "evolution": "integrations.evolution.adapter.EvolutionAdapter",
    "instagram": "integrations.instagram.adapter.InstagramAdapter",
    "messenger": "integrations.messenger.adapter.MessengerAdapter",
    "email": "integrations.email.adapter.EmailAdapter",
}
# Who may speak to the visitors of a site before they do; "" for nobody.
INVITER = "campaigns.actions.onsite.OnSite"
MAX_WEBHOOK_BYTES = env.int("MAX_WEBHOOK_BYTES", default=32 * 1024 * 1024)
MAX_ATTACHMENT_BYTES = env.int("MAX_ATTACHMENT_BYTES", default=10 * 1024 * 1024)
MAX_LIST_BYTES = env.int("MAX_LIST_BYTES", default=20 * 1024 * 1024)
CHAT_MESSAGES_PER_MINUTE = env.int("CHAT_MESSAGES_PER_MINUTE", default=60)
# Many customers share the address of a company or a phone network.
CHAT_NEWCOMERS_PER_MINUTE = env.int("CHAT_NEWCOMERS_PER_MINUTE", default=600)
# The chat of programs (docs/api/chat.md). The inbox by its key; empty: the oldest widget.
CHAT_INBOX = env.str("CHAT_INBOX", default="")
# Below the minute after which most proxies give up.
CHAT_WAIT_SECONDS = env.float("CHAT_WAIT_SECONDS", default=50)
# Chat requests of one key, one customer and one address in a minute.
RATE_LIMIT_PER_MINUTE = env.int("RATE_LIMIT_PER_MINUTE", default=60)
# Unset: the chat of older systems wants a key, and /chat/stream wants none, as the widget.
REQUIRE_API_KEY = env.bool("REQUIRE_API_KEY", default=None)
# Plain keys of older systems. They open the chat and nothing else.
CHAT_KEYS = [key.strip() for key in (secret("API_KEY"), *secret("API_KEYS").split(",")) if key.strip()]
ATTACHMENT_TYPES = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "application/pdf",
    "text/plain",
    "text/csv",
]
KNOWLEDGE_ANSWER_AT = env.float("KNOWLEDGE_ANSWER_AT", default=0.36)
KNOWLEDGE_OFFER_AT = env.float("KNOWLEDGE_OFFER_AT", default=0.2)
# The model that checks whether answers of AI agents rest on what was found, such as openai/gpt-4o-mini.
ANSWER_CHECK_MODEL = env.str("ANSWER_CHECK_MODEL", default="")
# How long a tool call of an AI agent waits for an operator, before people get the conversation.
APPROVAL_MINUTES = env.int("APPROVAL_MINUTES", default=60)
# How long a customer counts as verified who has typed the code from their mail.
VERIFIED_MINUTES = env.int("VERIFIED_MINUTES", default=60)
# Pages of a website that are read at most.
KNOWLEDGE_SOURCE_PAGES = env.int("KNOWLEDGE_SOURCE_PAGES", default=2_000)
OUTBOUND_ALLOW = env.list("OUTBOUND_ALLOW", default=[])
LLM: dict[str, str] = {
    name: secret(name, default)
    for name, default in (
        ("OPENAI_API_KEY", ""),
        ("OPENROUTER_API_KEY", ""),
        ("GEMINI_API_KEY", ""),
        ("GROQ_API_KEY", ""),
        ("ANTHROPIC_API_KEY", ""),
        ("OLLAMA_API_BASE", ""),
        ("LLM_PROVIDER", ""),
        ("LLM_BASE_URL", ""),
        ("LLM_API_KEY", ""),
        ("LLM_MODEL", ""),
        ("LLM_FALLBACK_MODEL", ""),
        ("LLM_INPUTS", ""),
        ("LLM_PRICES", ""),
        ("LLM_TIMEOUT_SECONDS", "60"),
        ("LLM_FIRST_TOKEN_SECONDS", "20"),
    )
}

# --- HTTP API ---------------------------------------------------------------------------------------------
# How long the calls of webhooks can be looked at, and made again.
WEBHOOK_LOG_DAYS = env.int("WEBHOOK_LOG_DAYS", default=30)
# How long the secret of before signs beside a new one.
WEBHOOK_SECRET_OVERLAP_HOURS = env.int("WEBHOOK_SECRET_OVERLAP_HOURS", default=24)
# For each key, user and address; a key may have a number of its own. 0: as many as they like.
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=1_200)
# How many conversations each key, user and address may follow at once, in one process.
API_STREAMS = env.int("API_STREAMS", default=200)
# How many sockets and streams of the chat one address may hold open, in one process. 0: as many as it likes.
LINES_PER_ADDRESS = env.int("LINES_PER_ADDRESS", default=1_000)
# Wrong keys and tokens from one address.
API_REFUSALS_PER_MINUTE = env.int("API_REFUSALS_PER_MINUTE", default=60)
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_PERMISSION_CLASSES": ["api.permissions.DenyByDefault"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "api.authentication.ApiKeyAuthentication",
        "api.authentication.BearerAuthentication",
        "api.sessions.StaffSessionAuthentication",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "api.openapi.Description",
    "EXCEPTION_HANDLER": "api.errors.problem_details",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Helpdesk API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v[0-9]+",
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PREPROCESSING_HOOKS": ["api.schema.only_canonical"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "api.schema.with_introduction",
        "api.schema.with_segments",
        "api.schema.with_strict_bodies",
        "api.schema.with_chosen_fields",
        "api.schema.with_pages",
        "api.schema.with_problems",
        "api.schema.with_streams",
        "api.schema.with_links",
        "api.schema.with_examples",
    ],
    # Names of the schemas of values, which would be called after the first field that uses them otherwise.
    "ENUM_NAME_OVERRIDES": {
        "FieldEntity": "conversations.enums.FieldEntity",
        "FieldKind": "conversations.enums.FieldKind",
        "ConversationStatus": "conversations.enums.Status",
        "AuthorKind": "conversations.enums.AuthorKind",
        "Direction": "conversations.enums.Direction",
        "Validation": "conversations.enums.Validation",
        "TicketStatus": "tickets.enums.TicketStatus",
        "TicketSource": "tickets.enums.TicketSource",
        "TicketEventType": "tickets.enums.TicketEventType",
        "RunStatus": "agents.enums.RunStatus",
        "Light": "conversations.enums.Light",
        "CampaignStatus": "campaigns.enums.CampaignStatus",
        "CampaignKind": "campaigns.enums.Kind",
        "CampaignSource": "campaigns.enums.Source",
        "CampaignOutcome": "campaigns.enums.Outcome",
        "LeftOut": "campaigns.enums.Skip",
        "ListStatus": "campaigns.enums.UploadStatus",
        "Visitors": "campaigns.enums.Visitors",
        "VariantLabel": ["A", "B", "C", "D", "E"],
        "ArticleStatus": "knowledge.enums.ArticleStatus",
        "Priority": ["low", "normal", "high", "urgent"],
        "WebhookCallStatus": "api.enums.CallStatus",
        "WebhookTopic": "api.enums.Topic",
        "WebhookEventName": "api.enums.EventName",
        "Role": "accounts.enums.Role",
        "Scope": "accounts.enums.Scope",
        "Language": ["en", "pt-br", "es"],
        "ArticleLanguage": "knowledge.enums.Language",
        "SettableStatus": ["open", "resolved", "bot"],
    },
}

# --- Browser security: strict on every page, since staff pages show what strangers wrote ------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
# Health probes come from inside, by plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^health"]
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_SSL_REDIRECT = SECURE
# Only a proxy that strips the client's own header may be in front when this is on.
if env.bool("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Languages, files, logs -------------------------------------------------------------------------------
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", _("English")), ("pt-br", _("Portuguese (Brazil)")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = HELPDESK_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = HELPDESK_HOME / "media"
STORAGES = {
    "default": media_storage(
        bucket=env.str("MEDIA_S3_BUCKET", default=""),
        endpoint=env.str("MEDIA_S3_ENDPOINT", default=""),
        region=env.str("MEDIA_S3_REGION", default=""),
        key=secret("MEDIA_S3_KEY"),
        secret=secret("MEDIA_S3_SECRET"),
    ),
    "staticfiles": {"BACKEND": "helpdesk.static_files.StaticFilesStorage"},
}
# A running server reads new and changed files from here without a restart.
WHITENOISE_MAX_AGE = 300

log_level = env.str("LOG_LEVEL", default="WARNING").upper()
if log_level not in logging.getLevelNamesMapping():
    message = f"LOG_LEVEL={log_level} is none of {', '.join(logging.getLevelNamesMapping())}"
    raise ImproperlyConfigured(message)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": log_level},
    # Procrastinate logs a line for each job; a failed job is logged by the task's own code.
    # httpx logs whole addresses, and some providers want their secret in there.
    "loggers": {
        "procrastinate": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}
