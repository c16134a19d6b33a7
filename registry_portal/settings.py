"""All settings, from the environment. The names and defaults are the contract; see docs/configuration.md."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from accounts.redis import pools
from imageimport.registries.mirrors import read_mirrors, read_mirrors_only
from registry_portal import env as conf
from registry_portal import ways_out
from registry_portal.env import BASE_DIR, env, positive, secret, words
from registry_portal.observability.logs import logging_config
from registry_portal.secrets_store import (
    cryptography_key,
    ensure_secret,
    notification_token,
    secret_key,
    token_service_pair,
)

DATA_DIR = Path(env.str("PORTAL_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
_services = conf.services(DATA_DIR)

DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY = secret("SECRET_KEY") or ensure_secret(DATA_DIR, "secret_key", secret_key)
CRYPTOGRAPHY_KEYS = [
    key.strip()
    for key in (
        secret("CRYPTOGRAPHY_KEYS") or ensure_secret(DATA_DIR, "cryptography_keys", cryptography_key)
    ).split(",")
    if key.strip()
]

#: By loopback's names health checks ask, and the registry reports, whatever people call the portal.
ALLOWED_HOSTS = list(dict.fromkeys([*words("ALLOWED_HOSTS"), "localhost", "127.0.0.1"]))
CSRF_TRUSTED_ORIGINS = [
    origin if "://" in origin else f"{scheme}://{origin}"
    for origin in words("CSRF_TRUSTED_ORIGINS")
    for scheme in ("https", "http")
]

# --- the private registry ---------------------------------------------------------------------------

REGISTRY_EMBEDDED = not env.str("REGISTRY_URL", default="")
#: The registry's ``rootdirectory`` on this machine; empty: the portal collects no garbage of it.
REGISTRY_STORAGE: str = env.str("REGISTRY_STORAGE", default="") or (
    str(DATA_DIR / "registry" / "data") if REGISTRY_EMBEDDED else ""
)
#: When garbage is collected by itself, by the clock of TIME_ZONE; empty: by hand.
REGISTRY_COLLECT_CRON: str = env.str("REGISTRY_COLLECT_CRON", default="")
REGISTRY_URL: str = (
    env.str("REGISTRY_URL", default="") or _services.get("registry_url") or "http://127.0.0.1:5000"
).rstrip("/")
REGISTRY_PUBLIC_HOST: str = (
    env.str("REGISTRY_PUBLIC_HOST", default="")
    or (REGISTRY_EMBEDDED and _services.get("registry_public_host"))
    or urlsplit(REGISTRY_URL).netloc.rpartition("@")[2]
)
REGISTRY_USERNAME = secret("REGISTRY_USERNAME")
REGISTRY_PASSWORD = secret("REGISTRY_PASSWORD")
REGISTRY_AUTH: str = env.str("REGISTRY_AUTH", default="") or (
    "token" if REGISTRY_EMBEDDED else "basic" if REGISTRY_USERNAME else "none"
)
#: The service name that the registry expects in its tokens ("audience"), and who issues them.
TOKEN_SERVICE_NAME: str = env.str("TOKEN_SERVICE_NAME", default="registry-portal")
TOKEN_SERVICE_ISSUER: str = env.str("TOKEN_SERVICE_ISSUER", default="registry-portal")
TOKEN_SERVICE_KEY = secret("TOKEN_SERVICE_KEY")
TOKEN_SERVICE_CERTIFICATE = secret("TOKEN_SERVICE_CERTIFICATE")
if REGISTRY_AUTH == "token" and not TOKEN_SERVICE_KEY:
    TOKEN_SERVICE_KEY, TOKEN_SERVICE_CERTIFICATE = token_service_pair(DATA_DIR)
TOKEN_SERVICE_PASSWORDS: bool = env.bool("TOKEN_SERVICE_PASSWORDS", default=True)
REGISTRY_NOTIFICATION_TOKEN = secret("REGISTRY_NOTIFICATION_TOKEN") or notification_token(DATA_DIR)

# --- imports ----------------------------------------------------------------------------------------

IMPORT_TRANSPORT: str = env.str("IMPORT_TRANSPORT", default="registry")
IMPORT_DOCKER_ENABLED: bool = env.bool("IMPORT_DOCKER_ENABLED", default=IMPORT_TRANSPORT == "docker")
DOCKER_HOST: str = env.str("DOCKER_HOST", default="")
IMPORT_REGISTRY_MIRRORS = read_mirrors(env.str("IMPORT_REGISTRY_MIRRORS", default=""))
IMPORT_MIRRORS_ONLY = read_mirrors_only(env.str("IMPORT_MIRRORS_ONLY", default=""))
IMPORT_PRIVATE_SOURCES = words("IMPORT_PRIVATE_SOURCES")
IMPORT_INSECURE_SOURCES = words("IMPORT_INSECURE_SOURCES")
IMPORT_PROXIES = ways_out.proxies("IMPORT_PROXIES")
IMPORT_BANDWIDTH: int | None = ways_out.amount("IMPORT_BANDWIDTH")
IMPORT_WINDOW: str = ways_out.hours("IMPORT_WINDOW", env.str("TIME_ZONE", default="UTC"))
IMPORT_TRUSTED_REALMS = words("IMPORT_TRUSTED_REALMS")
IMPORT_CA_FILE: str = env.str("IMPORT_CA_FILE", default="")
#: Authorities and logs of keyless signatures; empty: those of sigstore's public good instance.
SIGSTORE_TRUSTED_ROOT: str = env.str("SIGSTORE_TRUSTED_ROOT", default="")
IMPORT_MAX_RUNNING = positive("IMPORT_MAX_RUNNING", 4)
IMPORT_MAX_RUNNING_PER_PROJECT = positive("IMPORT_MAX_RUNNING_PER_PROJECT", 2)
#: For one account, over all its projects. 0: one fewer than the installation's, so that a place stays free for others.
IMPORT_MAX_RUNNING_PER_USER = positive("IMPORT_MAX_RUNNING_PER_USER", 0, least=0)
IMPORT_PARALLEL_BLOBS = positive("IMPORT_PARALLEL_BLOBS", 4)
#: To one source host, of all workers together.
IMPORT_SOURCE_CONNECTIONS = positive("IMPORT_SOURCE_CONNECTIONS", 16)
#: Of one import, held in memory where a layer comes over several connections. 0: one connection a layer.
IMPORT_READ_AHEAD_BYTES = positive("IMPORT_READ_AHEAD_BYTES", 32 * 1024 * 1024, least=0)
IMPORT_MAX_ATTEMPTS = positive("IMPORT_MAX_ATTEMPTS", 3)
IMPORT_LEASE_SECONDS = positive("IMPORT_LEASE_SECONDS", 60)
#: How often beat looks for what waits unhinted or was lost.
IMPORT_SWEEP_SECONDS = positive("IMPORT_SWEEP_SECONDS", 5)
IMPORT_TIMEOUT_SECONDS = positive("IMPORT_TIMEOUT_SECONDS", 21600)
IMPORT_STALL_SECONDS = positive("IMPORT_STALL_SECONDS", 60)
#: An import that moved fewer bytes a second than this, for this long, gives its place to imports of others that wait.
IMPORT_SLOW_BYTES = positive("IMPORT_SLOW_BYTES", 32 * 1024)
IMPORT_SLOW_SECONDS = positive("IMPORT_SLOW_SECONDS", 300)
CREDENTIAL_RETENTION_HOURS = positive("CREDENTIAL_RETENTION_HOURS", 24, least=0)
#: Finished imports keep their layer rows this long; the imports themselves stay.
LAYER_RETENTION_DAYS = positive("LAYER_RETENTION_DAYS", 30)
#: How many imports may wait in one project before a submission is answered 429.
IMPORT_MAX_QUEUED_PER_PROJECT = positive("IMPORT_MAX_QUEUED_PER_PROJECT", 5000)
#: The same for one account, over all its projects.
IMPORT_MAX_QUEUED_PER_USER = positive("IMPORT_MAX_QUEUED_PER_USER", 10_000)
#: Projects that one account may make; superusers may make any number.
PROJECTS_PER_USER = positive("PROJECTS_PER_USER", 100)
#: How long a pull waits for the import that it started.
FIRST_PULL_WAIT_SECONDS = positive("FIRST_PULL_WAIT_SECONDS", 50, least=0)
#: Why pulls of what is missing don't reach the portal; empty: they do.
FIRST_PULL_MISSING: str = conf.first_pull_missing(_services, embedded=REGISTRY_EMBEDDED, auth=REGISTRY_AUTH)
#: Files of images that people upload; web processes and workers need the same directory.
UPLOADS_DIR = Path(env.str("UPLOADS_DIR", default=str(DATA_DIR / "uploads")))
#: How long they stay after they were last used.
UPLOAD_RETENTION_HOURS = positive("UPLOAD_RETENTION_HOURS", 24)
WEBHOOK_PRIVATE_HOSTS = words("WEBHOOK_PRIVATE_HOSTS")
WEBHOOK_PROXY = ways_out.one_proxy("WEBHOOK_PROXY")
WEBHOOK_RETENTION_DAYS = positive("WEBHOOK_RETENTION_DAYS", 30)
#: The audit log keeps refusals and failed sign-ins at the registry this long; everything else stays.
REFUSAL_RETENTION_DAYS = positive("REFUSAL_RETENTION_DAYS", 90)
METRICS_TOKEN = secret("METRICS_TOKEN")

# --- Django -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "registry_portal.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
    "django_structlog",
    "registry_portal.apps.RegistryPortalConfig",
    "accounts",
    "projects",
    "imageimport",
    "workloads",
]

MIDDLEWARE = [
    "accounts.middleware.PlainCookies",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "accounts.middleware.CallerMiddleware",
    "accounts.middleware.PrivateAnswers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignInRequiredMiddleware",
    "accounts.middleware.ProfileLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "registry_portal.web.pages.FormsLeadUpMiddleware",
]

ROOT_URLCONF = "registry_portal.urls"
WSGI_APPLICATION = "registry_portal.wsgi.application"

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
                "django.template.context_processors.i18n",
                "registry_portal.context.portal",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {"default": conf.database(DATA_DIR)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Write transactions take the lock when they begin, so that none fails half-way (SQLITE_BUSY on upgrade).
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        transaction_mode="IMMEDIATE",
        timeout=20,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;",
    )
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # A peer that vanished without a word (a failover, a cut cable) is noticed in half a minute, not in hours.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }
#: A thread keeps its connection from one request to the next: to open one takes longer than most questions to it.
DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_ADAPTER = "accounts.sign_in.adapters.ClosedAccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_ADAPTER = "accounts.sign_in.adapters.OidcAdapter"
MFA_ADAPTER = "accounts.sign_in.adapters.SealedMfaAdapter"
ACCOUNT_FORMS = {"reauthenticate": "accounts.forms.PasswordAgainForm"}
MFA_FORMS = {
    "authenticate": "accounts.forms.SecondFactorForm",
    "reauthenticate": "accounts.forms.SecondFactorAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Registry Portal"
MFA_ALLOW_UNVERIFIED_EMAIL = True
OIDC_SERVER_URL: str = env.str("OIDC_SERVER_URL", default="")
OIDC_ORIGIN = "://".join(urlsplit(OIDC_SERVER_URL)[:2]) if OIDC_SERVER_URL else ""
#: By which way this process asks the identity provider; empty: as requests reads the environment.
OIDC_PROXY = ways_out.one_proxy("OIDC_PROXY")
OIDC_NAME: str = env.str("OIDC_NAME", default="SSO")
OIDC_SCOPES: list[str] = env.str("OIDC_SCOPES", default="openid profile email").split()
#: The claim that names a person's groups; empty: groups give no roles.
OIDC_GROUPS_CLAIM: str = env.str("OIDC_GROUPS_CLAIM", default="")
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if OIDC_SERVER_URL:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC_NAME,
                "client_id": env.str("OIDC_CLIENT_ID"),
                "secret": secret("OIDC_CLIENT_SECRET"),
                "settings": {"server_url": OIDC_SERVER_URL, "scope": OIDC_SCOPES},
            }
        ]
    }

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE: str = env.str("TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
#: Files that browsers look for at the top of the site.
WHITENOISE_ROOT = BASE_DIR / "static" / "root"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "registry_portal.storage.StaticStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = False
#: Where nothing was collected (a web process started by hand) files are served from where they are kept.
WHITENOISE_USE_FINDERS = True

# --- security ---------------------------------------------------------------------------------------

TLS: bool = env.bool("PORTAL_TLS", default=False)
if TLS:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_REDIRECT_EXEMPT = [
        r"^healthz$",
        r"^readyz$",
        r"^metrics$",
        r"^service/(registry-events$|first-pull/)",
    ]
SESSION_COOKIE_SECURE = TLS
CSRF_COOKIE_SECURE = TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
#: How many proxies stand in front and append to X-Forwarded-For; 0: the peer's address is the client's.
TRUSTED_PROXIES = positive("TRUSTED_PROXIES", 0, least=0)

CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": [],
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # The button of the identity provider is a form that is redirected there.
        "form-action": [SELF, *([OIDC_ORIGIN] if OIDC_ORIGIN else [])],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    },
}

# --- API --------------------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.sign_in.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.api.permissions.TokenReaches",
    ],
    "DEFAULT_PAGINATION_CLASS": "accounts.api.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "accounts.api.schema.PortalSchema",
    "EXCEPTION_HANDLER": "accounts.api.exceptions.handle",
    "DEFAULT_PARSER_CLASSES": ["accounts.api.parsers.StrictJson"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "accounts.api.browsable.Browsable",
    ],
    "PAGE_SIZE": 50,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Registry Portal API",
    "DESCRIPTION": (
        "Import container images by reference into a team's private registry.\n\n"
        "Sign in with `Authorization: Bearer <token>`. You create a token on your "
        "[account page](/accounts/#tokens); a browser that is signed in needs none."
    ),
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Two hundred operations at once take a slow browser a minute to draw.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "none"},
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": None,
    "ENUM_NAME_OVERRIDES": {
        "TransportEnum": "imageimport.choices.Transport",
        "AskedTransportEnum": "imageimport.choices.TRANSPORT_CHOICES",
        "LayerStateEnum": "imageimport.choices.LAYER_STATES",
        "RuleActionEnum": "projects.models.Project.DefaultAction",
        "DeliveryStateEnum": "imageimport.models.WebhookDelivery.State",
        "ScanStateEnum": "projects.api.scans.STATES",
    },
}

# --- Redis, Celery ----------------------------------------------------------------------------------

REDIS_URL: str = conf.secret_url("REDIS_URL") or _services.get("redis_url") or "redis://127.0.0.1:6379/0"
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "registry_portal.cache.ForgivingRedisCache",
        "LOCATION": [REDIS_URL],  # as text it would be cut at commas
        "KEY_PREFIX": "portal",
        "OPTIONS": {"pool_class": pools.ProcessPool, "socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    },
    # What one process knows for itself: also with Redis away, and without asking it each time.
    "local": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "local",
        "OPTIONS": {"MAX_ENTRIES": 30_000},
    },
}
SESSION_ENGINE = "accounts.sign_in.sessions"

CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = conf.read("REDIS_URL", pools.broker, REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "housekeeping"
CELERY_TASK_ROUTES = {"imageimport.tasks.run_imports": {"queue": "imports"}}
CELERY_TASK_QUEUES: dict[str, dict[str, Any]] = {"housekeeping": {}, "imports": {}}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = True
#: Three more than imports may run: comparisons of schedules, deliveries of webhooks and the sweep never wait behind
#: imports, nor behind one another.
CELERY_WORKER_CONCURRENCY = positive("WORKER_CONCURRENCY", min(IMPORT_MAX_RUNNING, 16) + 3)
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"imageimport.tasks.{name}", "schedule": seconds, "options": {"expires": max(seconds, 10)}}
    for name, seconds in {
        "sweep": float(IMPORT_SWEEP_SECONDS),
        "deliver_webhooks": 5.0,
        "start_schedules": 5.0,
        "look_at_tags": 5.0,
        "look_at_requests": 5.0,
        "scan_images": 5.0,
        "reconcile_images": 300.0,
        "clean_up": 60.0,
        "collect_garbage": 5.0,
        "prune": 1800.0,
    }.items()
}

#: Host and port of what belongs to this installation: never the target of an import, a redirect or a webhook.
OWN_ENDPOINTS: list[tuple[str, int]] = sorted(
    {
        *pools.endpoints(REDIS_URL),
        conf.host_port(REGISTRY_URL, 443),
        conf.host_port(f"{urlsplit(REGISTRY_URL).scheme}://{REGISTRY_PUBLIC_HOST}", 443),
        conf.host_port(_services.get("web_url") or "", 80),
        (env.str("HOST", default="127.0.0.1"), env.int("PORT", default=8000)),
        *(
            [(DATABASES["default"]["HOST"], int(DATABASES["default"].get("PORT") or 5432))]
            if DATABASES["default"].get("HOST")
            else []
        ),
    }
    - {("", 80)}
)

#: The server that mail goes by, such as smtp+tls://user:password@mail.example.com:587; empty: none is sent.
EMAIL_URL, EMAIL_TIMEOUT = conf.secret_url("EMAIL_URL"), 10  # seconds
MAIL_ENABLED = bool(EMAIL_URL)
vars().update(conf.mail(EMAIL_URL))
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="portal@localhost")

#: Where people open the portal, for links in webhooks and mail.
PORTAL_URL: str = env.str("PORTAL_URL", default="") or next(
    (origin for origin in CSRF_TRUSTED_ORIGINS if "*" not in origin),
    _services.get("web_url")
    or f"http://{env.str('HOST', default='127.0.0.1')}:{env.int('PORT', default=8000)}",
)

# --- logs, errors -----------------------------------------------------------------------------------

LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT: str = env.str("LOG_FORMAT", default="console")
LOGGING = logging_config(LOG_LEVEL, LOG_FORMAT)
LOGGING_CONFIG = "logging.config.dictConfig"
DJANGO_STRUCTLOG_CELERY_ENABLED = False
#: Ids come from outside only where a proxy of ours stands in front; observability.requestlog cleans them.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = TRUSTED_PROXIES > 0
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
#: What a client does wrong is no trouble of ours.
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO
SILENCED_SYSTEM_CHECKS: list[str] = []
SENTRY_DSN = secret("SENTRY_DSN")
OTEL_EXPORTER_OTLP_ENDPOINT: str = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
