"""All settings, from the environment. One file; every value that may differ between two installations
has a variable, and `arena.env` refuses a wrong one by name."""

import os
from typing import Any
from urllib.parse import urlsplit

import structlog
from csp.constants import NONE, SELF

from arena import env
from arena.net.proxy import ProxyError, parse_proxy

# Read by numpy as it is imported. The ratings' matrices are small: BLAS threads that spin against the web's and the
# workers' for the same cores made a ranking of 0.1 s take 1 to 5.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

BASE_DIR = env.BASE_DIR
VAR_DIR = env.VAR_DIR

DEBUG = env.boolean("DEBUG", default=True)
if DEBUG:
    VAR_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = env.secret("SECRET_KEY", debug=DEBUG)
ARENA_ENCRYPTION_KEY = env.secret("ARENA_ENCRYPTION_KEY", debug=DEBUG)
ARENA_SIGNING_KEY = env.secret("ARENA_SIGNING_KEY", debug=DEBUG)
env.key_bytes("ARENA_ENCRYPTION_KEY", ARENA_ENCRYPTION_KEY)
env.key_bytes("ARENA_SIGNING_KEY", ARENA_SIGNING_KEY)

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("127.0.0.1", "localhost", "[::1]") if DEBUG else ())
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

ARENA_ROUTING_READ = env.choice("ARENA_ROUTING_READ", options=("token", "public"), default="token")
ARENA_PUBLISH_DIR = env.text("ARENA_PUBLISH_DIR")
# How long outcomes that services report are remembered one by one; what they were counted into stays.
ARENA_OUTCOMES_DAYS = env.integer("ARENA_OUTCOMES_DAYS", default=30, least=1, most=3650)
# For how long a vote can be undone, and does not count yet.
ARENA_VOTE_HOLD_S = env.integer("ARENA_VOTE_HOLD_S", default=10, least=0, most=600)
# Who may read /metrics from elsewhere; without it, this machine alone.
ARENA_METRICS_TOKEN = env.text("ARENA_METRICS_TOKEN")
# Where the demo model listens; `manage.py up` starts it there, or elsewhere if that is taken.
ARENA_DEMO_MODEL_PORT = env.integer("ARENA_DEMO_MODEL_PORT", default=8013)
# On a development start the usual ports of Ollama, LM Studio, llama.cpp and vLLM, which the contenders' page looks at.
ARENA_OUTBOUND_ALLOW = env.words(
    "ARENA_OUTBOUND_ALLOW",
    tuple(f"127.0.0.1:{port}" for port in (11434, 1234, 8080, 8000, ARENA_DEMO_MODEL_PORT)) if DEBUG else (),
)
# How long the contenders' page waits for a model server on this machine that takes a call and does not answer.
LOCAL_LOOK_S = 2.0
# The proxy for calls that leave the house. HTTPS_PROXY is not read: what other programs need must not move our calls.
try:
    ARENA_OUTBOUND_PROXY = (
        parse_proxy(_proxy, bypass=env.words("NO_PROXY") or env.words("no_proxy"))
        if (_proxy := env.text("ARENA_OUTBOUND_PROXY"))
        else None
    )
except ProxyError as error:
    # Without the value: it may hold a password.
    env.refuse(
        "ARENA_OUTBOUND_PROXY",
        str(error),
        "Write it as http://proxy.example:3128, or http://user:password@proxy.example:3128, or leave it out.",
    )
# Certificate authorities to trust instead of those that come with Arena, such as those of a proxy that reads along.
SSL_CERT_FILE = env.certificates("SSL_CERT_FILE")

# Reports of bake-offs go out by e-mail where there is a mail server. A link in one needs the address of this Arena.
_mail = env.mail_server("EMAIL_URL")
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail["EMAIL_USE_TLS"], _mail["EMAIL_USE_SSL"]
EMAIL_TIMEOUT = 10
ARENA_SITE_URL = env.site("ARENA_SITE_URL", needed_by="EMAIL_URL" if env.text("EMAIL_URL") else "")
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM") or f"arena@{urlsplit(ARENA_SITE_URL).hostname or 'localhost'}"

# Model files that llama.cpp may load (`evals.catalog.gguf`), and what the models of one process may take.
ARENA_GGUF_DIRS = env.folders("ARENA_GGUF_DIRS", (VAR_DIR / "models",) if DEBUG else ())
ARENA_GGUF_MEMORY_MB = env.integer("ARENA_GGUF_MEMORY_MB", default=4096, least=512)
ARENA_GGUF_THREADS = env.integer(
    "ARENA_GGUF_THREADS", default=max(1, min(4, (os.cpu_count() or 1) - 1)), least=1, most=512
)
ARENA_GGUF_LOADED = env.integer("ARENA_GGUF_LOADED", default=1, least=1, most=64)
ARENA_GGUF_IDLE_MINUTES = env.integer("ARENA_GGUF_IDLE_MINUTES", default=10, least=1, most=1440)

INSTALLED_APPS = [
    "arena",
    "arena.ui",
    "evals",
    "routing",
    "django.contrib.admin.apps.SimpleAdminConfig",  # `arena.urls` loads the admin pages; commands have no use for them
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_q",
    "django_structlog",
    "django_prometheus",
    "csp",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "arena.machine.health.ProbeMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    # Before the check against forged requests, whose page is translated too.
    "arena.accounts.languages.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "arena.middleware.SessionSlidingMiddleware",
    "arena.middleware.PrivateAnswersMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "arena.middleware.NulCharacterMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "arena.urls"
WSGI_APPLICATION = "arena.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "routing.publishing.context_processors.live_table",
            ],
        },
    },
]

_database: dict[str, Any] = {**env.database("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'arena.sqlite3'}")}
if _database["ENGINE"].endswith("sqlite3"):
    _database |= {
        # One connection a thread, kept: opening one costs more than most queries.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            # DEFERRED transactions that turn to writing fail with "database is locked" at once, without waiting.
            "transaction_mode": "IMMEDIATE",
            # FULL: an acknowledged vote outlives a power cut.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        },
    }
else:
    _database |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    # After how many uses `arena.statements` prepares a statement on its connection.
    _prepares = env.boolean("ARENA_PREPARED_STATEMENTS", default=True)
    _database["OPTIONS"] = {**_database.get("OPTIONS", {}), "prepare_threshold": 2 if _prepares else None}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "arena.User"
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "home"

# Sessions and cache live in the database or in memory, never only in Redis: voting goes on without it.
SESSION_ENGINE = "arena.accounts.sessions"
# The second is for sessions that began when it was the only one.
AUTHENTICATION_BACKENDS = ["arena.accounts.sessions.PersonBackend", "django.contrib.auth.backends.ModelBackend"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_SAMESITE = "Lax"
if not DEBUG:
    # A browser takes these from this host alone, over TLS, for the whole of it: no neighbouring host can plant one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
# A session ends when it is not used for so long, and when it is so old.
SESSION_COOKIE_AGE = env.integer("ARENA_SESSION_IDLE_S", default=14 * 24 * 3600, least=300, most=366 * 24 * 3600)
ARENA_SESSION_LIFETIME_S = env.integer(
    "ARENA_SESSION_LIFETIME_S", default=90 * 24 * 3600, least=300, most=10 * 366 * 24 * 3600
)
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Of the pages that reviewers use (`arena.accounts.languages`); all others are in English.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# Bodies sent to the API; uploaded files have limits of their own.
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    # Images, by their content. Nothing serves them by this address: views do, to those who may see them.
    "default": env.media("ARENA_MEDIA", default=VAR_DIR.absolute() / "media" if DEBUG else None),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# Development reads static files as they are asked for; production knows all of them from its start.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG

SECURE_CONTENT_TYPE_NOSNIFF = True
if env.boolean("ARENA_BEHIND_PROXY", default=False):
    # The proxy in front ends TLS. Only for a proxy that sets this header itself: anybody can send it.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if DEBUG else 365 * 24 * 3600  # sent over TLS only
DEFAULT_EXCEPTION_REPORTER = "arena.error_report.ValuelessReporter"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# Celery carries jobs. The broker only delivers: work is remembered in rows, so results are ignored and
# a lost message costs a few seconds (the workers look for due work by themselves).
REDIS_URL = env.text("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL or "redis://127.0.0.1:6399/0"
CELERY_TASK_DEFAULT_QUEUE = "arena"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A job only wakes the worker's pump, which has threads of its own.
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
}

# django-q2 carries chores, on the default database so that enqueuing joins the caller's transaction.
Q_CLUSTER = {
    "name": "arena",
    "orm": "default",
    "workers": 1,
    "timeout": 60,
    "retry": 120,
    "max_attempts": 5,
    "poll": 0.2,
    "queue_limit": 4,
    "bulk": 1,
    "save_limit": 250,
    "catch_up": False,
    "label": "Chores",
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "arena.accounts.tokens.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["arena.accounts.tokens.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["arena.api.defaults.JSONBody"],
    "DEFAULT_PAGINATION_CLASS": "arena.api.defaults.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "arena.api.problems.problem",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Arena",
    "DESCRIPTION": "From blind human votes to signed routing tables.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "SampleBy": ["even", "share"],
        "MatchedBy": ["slug", "family"],
        "RunState": "evals.models.generations.Run.State",
        "GenerationState": "evals.models.generations.Generation.State",
        "CallError": "evals.models.generations.ErrorCategory",
        "FindingState": ["good", "bad", "unknown"],
        "BakeOffReportState": "evals.models.bake_offs.BakeOffReport.State",
        "QuarantineState": "evals.models.quarantine.QuarantineCase.State",
        "QuarantineSource": "evals.models.quarantine.QuarantineCase.Source",
        "ProviderKind": "evals.models.contenders.Provider.Kind",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "arena.api.schema.problems",
    ],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "arena.log_format.LineFormatter",
            # Plain: a richer traceback prints local variables, keys among them.
            "processor": structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
            if DEBUG
            else structlog.processors.JSONRenderer(),
            "foreign_pre_chain": [
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
            ],
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    # Django's own handlers would say everything twice, and django-structlog has a line for each request.
    # httpx and httpcore would write every address called, and a webhook's may carry a secret.
    "loggers": {
        "django": {"handlers": []},
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "WARNING" if DEBUG else "INFO")},
}
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

if SENTRY_DSN := env.text("SENTRY_DSN"):
    from arena.sentry import report_errors

    report_errors(SENTRY_DSN)
