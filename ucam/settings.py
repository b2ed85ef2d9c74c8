"""Settings: the only file of the server that reads the environment (docs/operations.md lists the variables)."""

from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from ucam.environment import (
    Environment,
    bind_address,
    broker_url,
    data_folder,
    networks,
    public_url,
    second_tier,
    secret_keys,
)
from ucam.run_folder import fitting_folder

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

UCAM_DATA = data_folder(env.str("UCAM_DATA", ""), BASE_DIR)
UCAM_BIND = env.str("UCAM_BIND", "127.0.0.1:8000")
UCAM_BIND_HOST, UCAM_BIND_PORT = bind_address(UCAM_BIND)
UCAM_URL = public_url(env.str("UCAM_URL", ""), UCAM_BIND)
UCAM_DOMAIN = env.str("UCAM_DOMAIN", urlsplit(UCAM_URL).hostname or "localhost")
UCAM_RUN = fitting_folder(Path(env.str("UCAM_RUN", str(UCAM_DATA / "run"))))
UCAM_MEDIA = UCAM_DATA / "media"
UCAM_EXPORTS = UCAM_DATA / "exports"
UCAM_ACCEL = env.bool("UCAM_ACCEL", False)  # nginx stands in front and serves media by X-Accel-Redirect
UCAM_TLS_CERT, UCAM_TLS_KEY = env.str("UCAM_TLS_CERT", ""), env.str("UCAM_TLS_KEY", "")
UCAM_STUN = env.list("UCAM_STUN", default=[])
UCAM_TURN = env.list("UCAM_TURN", default=[])
UCAM_TURN_SECRET = env.str("UCAM_TURN_SECRET", "")

DEBUG = env.bool("UCAM_DEBUG", False)
UCAM_SECRET_KEY_FILE = Path(env.str("UCAM_SECRET_KEY_FILE", str(UCAM_DATA / "secret.key")))
SECRET_KEY, *older_keys = secret_keys(env.str("UCAM_SECRET_KEY", ""), UCAM_SECRET_KEY_FILE)
SECRET_KEY_FALLBACKS = [*older_keys, *env.list("UCAM_SECRET_KEY_FALLBACKS", default=[])]
LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
# Loopback always: the supervisor and health checks of this machine ask /readyz by it.
ALLOWED_HOSTS = [*env.list("UCAM_HOSTS", default=[urlsplit(UCAM_URL).hostname or "localhost"]), *LOOPBACK_HOSTS]
TLS = UCAM_URL.startswith("https://")

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "accounts",
    "cameras",
    "storage",
    "ucam",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "ucam.middleware.NotForCaches",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignInEnds",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "ucam.urls"
ASGI_APPLICATION = "ucam.asgi.application"
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
            ]
        },
    }
]

# ---------------------------------------------------------------- database; WAL: readers never wait for the writer
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{UCAM_DATA / 'db.sqlite3'}")}
DATABASES["default"].setdefault("ATOMIC_REQUESTS", False)
DATABASES["default"].setdefault("CONN_MAX_AGE", 600)  # a thread of ucam/http.py keeps its connection
DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)  # and gets a new one after PostgreSQL was away
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ---------------------------------------------------------------- Redis: the room, presence, cache, Celery's queue
REDIS_URL = env.str("REDIS_URL", f"unix://{UCAM_RUN / 'redis.sock'}?db=0")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "ucam"}
}
CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 15 * 60
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
UCAM_RETENTION_EVERY_S = env.float("UCAM_RETENTION_EVERY_S", 60.0)
UCAM_DISK_EVERY_S = env.float("UCAM_DISK_EVERY_S", 15.0)
UCAM_MOVE_EVERY_S = env.float("UCAM_MOVE_EVERY_S", 60.0)
SCHEDULE = {
    "storage.tasks.enforce_retention": UCAM_RETENTION_EVERY_S,
    "storage.tasks.check_disk": UCAM_DISK_EVERY_S,
    "storage.tasks.check_second_tier": 4 * UCAM_DISK_EVERY_S,
    "storage.tasks.move_footage": UCAM_MOVE_EVERY_S,
    "storage.tasks.make_exports": 10.0,
    "storage.tasks.tell_what_fits": 3600.0,
    "cameras.tasks.check_cameras": 10.0,
    "cameras.tasks.plan_notices": 10.0,
    "storage.tasks.keep_pictures": 10.0,
    "storage.tasks.send_letters": 900.0,
    "accounts.tasks.forget_expired": 3600.0,
    "cameras.tasks.forget_notices": 6 * 3600.0,
}
# What was not begun before the next one is due is not begun at all: a busy worker finds no pile of the same.
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 5.0)}}
    for task, seconds in SCHEDULE.items()
}
# What may take hours, or waits for somebody else's server, has a worker of its own, so that retention and the cameras'
# check never wait behind it.
CELERY_TASK_ROUTES = {
    task: {"queue": "long"}
    for task in (
        "storage.tasks.make_exports",
        "storage.tasks.move_footage",
        "storage.tasks.send_letters",
        "cameras.tasks.deliver_notice",
    )
}
UCAM_CAMERA_RATE_BYTES = env.int("UCAM_CAMERA_RATE_BYTES", 64 * 2**20)  # a second, of one camera
UCAM_CAMERA_DAY_BYTES = env.int("UCAM_CAMERA_DAY_BYTES", 500 * 2**30)
UCAM_DISK_LOW_BYTES = env.int("UCAM_DISK_LOW_BYTES", 0)  # 0: a tenth of the disk, at most 20 GiB

# ---------------------------------------------------------------- files; the second tier has one where it is set
UCAM_SECOND_TIER = env.str("UCAM_SECOND_TIER", "")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    **second_tier(
        UCAM_SECOND_TIER,
        endpoint_url=env.str("UCAM_SECOND_TIER_ENDPOINT", ""),
        region_name=env.str("UCAM_SECOND_TIER_REGION", ""),
        access_key=env.str("UCAM_SECOND_TIER_KEY", ""),
        secret_key=env.str("UCAM_SECOND_TIER_SECRET", ""),
    ),
}

# ---------------------------------------------------------------- people
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["sesame.backends.ModelBackend"]
SESAME_SIGNATURE_SIZE = 16
SESAME_MAX_AGE = 600
SESAME_INVALIDATE_ON_EMAIL_CHANGE = True
SESAME_INVALIDATE_ON_PASSWORD_CHANGE = False
ACCESS_TOKEN_S = 600
REFRESH_TOKEN_DAYS = 30
LOGIN_URL = "/sign-in/"
vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("UCAM_MAIL_FROM", f"ucam <cameras@{UCAM_DOMAIN}>")

# ---------------------------------------------------------------- messages about alerts
UCAM_ESCALATE_AFTER_MIN = env.int("UCAM_ESCALATE_AFTER_MIN", 15)
UCAM_NOTICE_NETWORKS = networks(env.list("UCAM_NOTICE_NETWORKS", default=[]))  # private ones that may be spoken to
UCAM_VAPID_KEY_FILE = UCAM_DATA / "vapid.pem"

# ---------------------------------------------------------------- HTTP
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.PersonAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "accounts.answers.answer",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "NUM_PROXIES": 1 if UCAM_ACCEL else 0,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ucam",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "DISABLE_ERRORS_AND_WARNINGS": True,
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 9 * 2**20  # one fragment is at most 8 MiB

ws_origin = UCAM_URL.replace("http", "ws", 1)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "media-src": [SELF, "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF, ws_origin],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
CSRF_TRUSTED_ORIGINS = [UCAM_URL]
SECURE_HSTS_SECONDS = 31_536_000 if TLS else 0
if UCAM_ACCEL:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

STATIC_URL = "/static/"
STATIC_ROOT = UCAM_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

UCAM_METRICS_TOKEN = env.str("UCAM_METRICS_TOKEN", "")
UCAM_LOG = env.str("UCAM_LOG", "plain")
if UCAM_LOG not in ("plain", "json"):
    raise ImproperlyConfigured(f"UCAM_LOG must be plain or json, not {UCAM_LOG!r}.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "ucam.json_log.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": UCAM_LOG}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # One line per request is nginx's business; and a sign-in link must never stand in a log.
        "daphne.http_protocol": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
    },
}

if bool(UCAM_TLS_CERT) != bool(UCAM_TLS_KEY):
    raise ImproperlyConfigured("UCAM_TLS_CERT and UCAM_TLS_KEY go together: set both or neither.")
if UCAM_TLS_CERT and not TLS:
    raise ImproperlyConfigured("UCAM_TLS_CERT is set, so UCAM_URL must begin with https://.")
if bool(UCAM_TURN) != bool(UCAM_TURN_SECRET):
    raise ImproperlyConfigured("UCAM_TURN and UCAM_TURN_SECRET go together: set both or neither.")

UCAM_GIVEN = env.given  # last: all variables were read by now
