"""The platform's settings: everything that differs between machines comes from the environment.

| variable | meaning | default |
|---|---|---|
| SITE_URL | public address of the platform; https turns every production safeguard on | http://localhost:8000 |
| SECRET_KEY | signs sessions, task pages and clip addresses | generated, where the services are embedded |
| SECRET_KEY_FALLBACKS | older keys, with commas between, whose signatures are still taken | |
| LOG_LEVEL | of the site's own messages, WARNING for fewer | INFO |
| DATABASE_URL | PostgreSQL; a pooler between must keep sessions, since statements are prepared | the embedded one |
| CELERY_BROKER_URL | Valkey/Redis | the embedded one |
| MEDIA_ROOT | clips, features, releases, submissions | $BENCH_HOME/media |
| X_ACCEL_PREFIX | nginx location (internal) of MEDIA_ROOT, where nginx serves the clips | none: the platform does |
| SUBMISSION_MAX_BYTES | largest file of predictions taken | 1 GiB |
| EMAIL_URL | mail server: `smtp+tls://user:password@host:587`, `filemail:///folder` | written to the log |
| FROM_EMAIL | sender of the site's mail | bench@ and the host of SITE_URL |
| OPEN_SIGNUP | whether anybody may make an account; else only whom staff invites: tries are counted by person | false |
| OIDC_ISSUER | address of an OpenID Connect provider that logs people in, too | none: off |
| OIDC_CLIENT_ID, OIDC_CLIENT_SECRET | what this site is called there, and its secret | |
| OIDC_NAME | what the provider is called on the log-in page | the host of OIDC_ISSUER |
| SECOND_FACTOR | reviewers, requesters and staff, who see what is collected, need a second factor | false |
| LAUNCH_AT_ONCE | HITs that are being made at once while a batch is launched; 1 makes them in order | 4 |
| BLIND_IN_THE_LOOP | tell who writes a question when blind models guess it (needs a worker of queue `blind`) | false |
| PSEUDONYM_KEY | makes workers' names in exports; another key, other names | SECRET_KEY |
| ENCODERS | folder of image models that feature sets name | $BENCH_HOME/encoders |
| SUBTITLES_ENGLISH_ONLY | refuse films whose subtitles are not English, as the paper does | false |
| ASR_MODEL | folder of a faster-whisper model, which hears films that come without subtitles | none: off |
| INGEST_TALLEST | lines to which clips are scaled down | 720 |
| INGEST_SCENES | clips end where scenes do, after 30 to 60 s, instead of each minute | false |
| INGEST_MAX_MINUTES | longest film taken | 240 |
| INGEST_MAX_BYTES | largest film taken | 16 GiB |
| LINK_MAX_S | seconds in which a film behind a link must be here | 3600 |
| LINK_PRIVATE_ADDRESSES | fetch films from addresses inside our own network, too | false |
| S3_BUCKETS | buckets from which films are fetched by `s3://bucket/key`, with commas between | |
| UPLOAD_EXPIRES_DAYS | how long the page keeps a film of which no byte has come | 7 |
| INGEST_BYTES_PER_MINUTE | largest film taken, for a minute of it (64 MiB are free) | 1 GiB |
| INGEST_CPU_S_PER_MINUTE | seconds of CPU for a minute of film (60 are free) | 300 |
| MARKETPLACE_URL | public origin of the marketplace whose frames show our tasks | http://127.0.0.1:8001 |
| MTURK_ENDPOINT_URL | where boto3 finds the crowd of environment `local` | $MARKETPLACE_URL/api |
| MTURK_ACCESS_KEY, MTURK_SECRET | this requester's keys there | generated, where the services are embedded |
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from benchmark_site.local import embedded

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

SITE_URL: str = env.str("SITE_URL", default="http://localhost:8000").rstrip("/")
_site = urlsplit(SITE_URL)
if _site.scheme not in {"http", "https"} or not _site.hostname:
    raise ImproperlyConfigured(f"SITE_URL must be an http(s) address, not {SITE_URL!r}")
SECURE = _site.scheme == "https"

DEBUG = False
SECRET_KEY: str = env.str("SECRET_KEY", default="") or embedded.load_secrets().secret_key
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = [_site.hostname]
CSRF_TRUSTED_ORIGINS = [SITE_URL]

INSTALLED_APPS = [
    "benchmark_site.apps.BenchmarkSiteConfig",
    "benchmark_site.leaderboard",
    "benchmark_site.releases",
    "annotation",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "django_htmx",
    "pgtrigger",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]

MIDDLEWARE = [
    "benchmark_site.leaderboard.api_errors.OneShapeMiddleware",  # sees what all the others answer
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "benchmark_site.second_factor.pending.SecondFactorMiddleware",
    # before the token of forms is looked for: that reads the body, and strangers' bodies are not read
    "benchmark_site.access.AccessMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "benchmark_site.urls"
WSGI_APPLICATION = "benchmark_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        **env.db_url_config(env.str("DATABASE_URL", default="") or embedded.load_secrets().database_url),
        "ENGINE": "annotation.database",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # Annotations are unique or checked by what other rows hold: read committed plus row locks is what
        # the constraints are written for.
        "ATOMIC_REQUESTS": False,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "annotation.roles.StaffCollect",
]
# Ten wrong passwords for one name from one address close both to each other for a quarter of an hour. Counted in the
# database, so for all web processes; the name alone would let anybody lock anybody out.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "benchmark_site.log_in_address.client_network"
AXES_LOCKOUT_TEMPLATE = "benchmark_site/locked_out.html"
AXES_RESET_ON_SUCCESS = AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
LAUNCH_AT_ONCE: int = env.int("LAUNCH_AT_ONCE", default=4)
if not 1 <= LAUNCH_AT_ONCE <= 16:
    raise ImproperlyConfigured(f"LAUNCH_AT_ONCE must be between 1 and 16, not {LAUNCH_AT_ONCE}")
# Offered to every account. The admin can take a lost one off an account, and shows nobody its key.
SECOND_FACTOR: bool = env.bool("SECOND_FACTOR", default=False)
OTP_TOTP_ISSUER = f"HERO Bench {_site.hostname}"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
# Whom people log in by, beside their passwords; its address of return is SITE_URL/login/provider/back/.
OIDC_ISSUER: str = env.str("OIDC_ISSUER", default="").rstrip("/")
OIDC_CLIENT_ID: str = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET: str = env.str("OIDC_CLIENT_SECRET", default="")
OIDC_NAME: str = (env.str("OIDC_NAME", default="") or urlsplit(OIDC_ISSUER).hostname or "") if OIDC_ISSUER else ""
if OIDC_ISSUER and not (OIDC_CLIENT_ID and OIDC_CLIENT_SECRET):
    raise ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET")
if OIDC_ISSUER and SECURE and not OIDC_ISSUER.startswith("https://"):
    raise ImproperlyConfigured(f"OIDC_ISSUER must be an https address, not {OIDC_ISSUER!r}")
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = embedded.bench_home() / "static"
STATICFILES_DIRS = [
    ("pico", BASE_DIR / "node_modules" / "@picocss" / "pico" / "css"),
    ("nouislider", BASE_DIR / "node_modules" / "nouislider" / "dist"),
    ("tus", BASE_DIR / "node_modules" / "tus-js-client" / "dist"),
]
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(embedded.bench_home() / "media")))
X_ACCEL_PREFIX: str = env.str("X_ACCEL_PREFIX", default="")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
SUBMISSION_MAX_BYTES: int = env.int("SUBMISSION_MAX_BYTES", default=2**30)
INGEST_TALLEST: int = env.int("INGEST_TALLEST", default=720)
INGEST_SCENES: bool = env.bool("INGEST_SCENES", default=False)
INGEST_MAX_MINUTES: int = env.int("INGEST_MAX_MINUTES", default=240)
INGEST_MAX_BYTES: int = env.int("INGEST_MAX_BYTES", default=2**34)
LINK_MAX_S: int = env.int("LINK_MAX_S", default=3600)
S3_BUCKETS: list[str] = env.list("S3_BUCKETS", default=[])
LINK_PRIVATE_ADDRESSES: bool = env.bool("LINK_PRIVATE_ADDRESSES", default=False)
UPLOAD_EXPIRES_DAYS: int = env.int("UPLOAD_EXPIRES_DAYS", default=7)
INGEST_BYTES_PER_MINUTE: int = env.int("INGEST_BYTES_PER_MINUTE", default=2**30)
INGEST_CPU_S_PER_MINUTE: int = env.int("INGEST_CPU_S_PER_MINUTE", default=300)

ENCODERS: str = env.str("ENCODERS", default=str(embedded.bench_home() / "encoders"))
# The folder of a faster-whisper model; empty: films without subtitles stay without.
ASR_MODEL: str = env.str("ASR_MODEL", default="")
SUBTITLES_ENGLISH_ONLY: bool = env.bool("SUBTITLES_ENGLISH_ONLY", default=False)

# Mail: to the console until a server is named. A page that mails waits for it, in a web thread.
EMAIL_TIMEOUT = 10  # seconds
globals().update(env.email_url("EMAIL_URL", default="consolemail://"))
DEFAULT_FROM_EMAIL = env.str("FROM_EMAIL", default=f"bench@{_site.hostname}")
PSEUDONYM_KEY: str = env.str("PSEUDONYM_KEY", default="") or SECRET_KEY
BLIND_IN_THE_LOOP: bool = env.bool("BLIND_IN_THE_LOOP", default=False)
OPEN_SIGNUP: bool = env.bool("OPEN_SIGNUP", default=False)

# Cookies: the marketplace may be served from another port of this host, and ports do not separate cookies.
SESSION_COOKIE_NAME = "bench_session"
CSRF_COOKIE_NAME = "bench_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "media-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# The crowd. `local` is a marketplace that a lab hosts (annotation/marketplace by default).
MARKETPLACE_URL: str = env.str("MARKETPLACE_URL", default="http://127.0.0.1:8001").rstrip("/")
MTURK_ENDPOINT_URL: str = env.str("MTURK_ENDPOINT_URL", default=f"{MARKETPLACE_URL}/api")
# Who may frame a task page and receive its answer.
CROWD_ORIGINS = [
    MARKETPLACE_URL,
    "https://worker.mturk.com",
    "https://www.mturk.com",
    "https://workersandbox.mturk.com",
]
MTURK_ACCESS_KEY: str = env.str("MTURK_ACCESS_KEY", default="") or embedded.load_secrets().crowd_access_key
MTURK_SECRET: str = env.str("MTURK_SECRET", default="") or embedded.load_secrets().crowd_secret

CELERY_BROKER_URL: str = env.str("CELERY_BROKER_URL", default="") or embedded.load_secrets().broker_url
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
# A process keeps its connection for so many tasks, as long as Django would for pages (`benchmark_site/celery.py`): a
# new one costs both ends more than most tasks do.
CELERY_DB_REUSE_MAX = 1000
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "annotation.tasks.ingest_video": {"queue": "ingest"},
    "annotation.tasks.describe_clips": {"queue": "features"},
    "annotation.tasks.transcribe_video": {"queue": "ingest"},
    "annotation.tasks.check_blind": {"queue": "blind"},
    "annotation.tasks.look_blind": {"queue": "blind"},
    "benchmark_site.releases.tasks.build": {"queue": "match"},
    "benchmark_site.releases.tasks.match_fold": {"queue": "match"},
    "benchmark_site.leaderboard.tasks.score": {"queue": "score"},
    "benchmark_site.leaderboard.tasks.score_again": {"queue": "again"},
    "benchmark_site.leaderboard.tasks.compare": {"queue": "again"},
    "benchmark_site.leaderboard.tasks.predict": {"queue": "predict"},
    "benchmark_site.leaderboard.tasks.search": {"queue": "search"},
    "benchmark_site.leaderboard.tasks.train": {"queue": "train"},
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# kombu looks for messages of a dead worker only every ~100 s by itself; rows carry leases and heartbeats, so a
# second delivery of a task that still runs does nothing and the timeout can be short.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,
    "unacked_restore_interval": 1,
    "unacked_mutex_expire": 5,
}
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"{name}.tasks.sweep", "schedule": 60.0}
    for name in ("annotation", "benchmark_site.releases", "benchmark_site.leaderboard")
}
CELERY_BEAT_SCHEDULE["reconcile"] = {
    "task": "annotation.tasks.reconcile_nightly",
    "schedule": crontab(hour="3", minute="0"),
}
CELERY_BEAT_SCHEDULE["reliability"] = {
    "task": "annotation.tasks.measure_workers",
    "schedule": crontab(minute="20"),
}
CELERY_BEAT_SCHEDULE_FILENAME = str(embedded.bench_home() / "celerybeat-schedule")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {name: {"level": "WARNING"} for name in ("httpx", "botocore", "axes")},
}
