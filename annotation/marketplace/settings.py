"""Settings of the marketplace: a site apart from the platform, with a database, accounts and an origin of its own.

Everything comes from the environment and is parsed strictly; docs/marketplace.md explains each variable.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

PACKAGE = Path(__file__).resolve().parent
NODE_MODULES = PACKAGE.parents[1] / "node_modules"


def _switch(name: str) -> bool:
    """true or false, off by default; django-environ would read every misspelling as false."""
    text = env.str(name, default="false").lower()
    if text not in {"true", "false"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}")
    return text == "true"


SECRET_KEY = env.str("MARKETPLACE_SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("MARKETPLACE_SECRET_KEY_FALLBACKS", default=[])
DEBUG = False

# The public origin, without a path: what workers type, what turkSubmitTo says, what boto3 gets with /api behind it.
MARKETPLACE_URL = env.str("MARKETPLACE_URL").rstrip("/")
# Whether anybody may make a worker account; otherwise an invite link is needed (`manage.py create_invite`).
MARKETPLACE_OPEN_SIGNUP = _switch("MARKETPLACE_OPEN_SIGNUP")
# Opens /faults, by which tests move the clock and make errors happen. Never in production.
MARKETPLACE_FAULTS = _switch("MARKETPLACE_FAULTS")
# CSP sources whose pages may stand in the task frame; by default every HTTPS page, as the protocol has it.
MARKETPLACE_FRAME_ORIGINS = env.list("MARKETPLACE_FRAME_ORIGINS", default=["https:"])
# Origins to which notifications may be posted; none by default, since requesters choose the address.
MARKETPLACE_NOTIFY_ORIGINS = env.list("MARKETPLACE_NOTIFY_ORIGINS", default=[])

_origin = urlsplit(MARKETPLACE_URL)
_https = _origin.scheme == "https"

# Names by which programs inside the host's network call the API, past the proxy and its TLS; none by default.
MARKETPLACE_API_HOSTS = env.list("MARKETPLACE_API_HOSTS", default=[])
ALLOWED_HOSTS = [_origin.hostname or "", *MARKETPLACE_API_HOSTS]
CSRF_TRUSTED_ORIGINS = [MARKETPLACE_URL]
ROOT_URLCONF = "annotation.marketplace.urls"
WSGI_APPLICATION = "annotation.marketplace.wsgi.application"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "axes",
    "annotation.marketplace",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "annotation.marketplace.access.AccessMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "annotation.marketplace.worker_site.context_processors.site",
            ]
        },
    }
]

DATABASES = {"default": env.db_url("MARKETPLACE_DATABASE_URL")}
# Each thread of the web server keeps its connection. (psycopg's pool was tried: after a restart of PostgreSQL its
# callers waited for connections that never came.)
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # a connection that PostgreSQL's restart has cut is replaced
DATABASES["default"]["ENGINE"] = "annotation.database"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "annotation.marketplace.worker_site.authentication.AccountBackend",
]
# Ten wrong passwords for one name from one address close both to each other for a quarter of an hour.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "annotation.marketplace.worker_site.log_in_address.client_network"
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"
AXES_RESET_ON_SUCCESS = AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "groups"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = env.path("MARKETPLACE_STATIC_ROOT", default=str(PACKAGE.parents[1] / "staticfiles" / "marketplace"))
_pico = NODE_MODULES / "@picocss" / "pico" / "css"
STATICFILES_DIRS = [("pico", _pico)] if _pico.is_dir() else []
# Files are served from where they lie, so that no collectstatic has to run before the first start.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# Cookies know no ports: names of our own keep the platform's and the marketplace's apart on one host, and a task's
# script on another port of the host must not read them.
SESSION_COOKIE_NAME = "marketplace_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_NAME = "marketplace_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = _https

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^healthz$", *([r"^api/?$"] if MARKETPLACE_API_HOSTS else [])]
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = _https
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # Pico draws its small icons as data: images
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF, *MARKETPLACE_FRAME_ORIGINS],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# An answer of 2 MiB (worker_site/submit.py), which a form may write as three characters a byte. Calls of the API have a
# limit of their own (api.py).
DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
FILE_UPLOAD_MAX_MEMORY_SIZE = 5_242_880

EMAIL_CONFIG = env.email_url("MARKETPLACE_EMAIL_URL", default="consolemail://")
globals().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("MARKETPLACE_FROM_EMAIL", default=f"marketplace@{_origin.hostname}")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {
        "marketplace": {"handlers": ["console"], "level": "INFO"},
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
