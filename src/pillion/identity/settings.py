"""Django's settings, made from identity's configuration; nothing is set here that a user could choose."""

import os
import secrets
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import django

from pillion.identity import config as configuration
from pillion.identity import master_key, passkeys
from pillion.identity.lifetimes import SESSION_LIFETIME
from pillion.identity.postgresql import postgresql

PILLION: Final = configuration.or_tooling()
_HERE: Final = Path(__file__).parent
_TOOLING: Final = configuration.is_tooling(PILLION)

# None without a configuration: tools get a key that is forgotten, and nothing can be decrypted.
# Pods share no folder, and each would make a key of its own: there it has to be given.
MASTER_KEY: Final = (
    None
    if _TOOLING
    else master_key.obtain(PILLION.state, os.environ, may_make=PILLION.workloads != "certificate")
)
SECRET_KEY = (
    MASTER_KEY.derive(master_key.SESSIONS_AND_SIGNATURES).hex() if MASTER_KEY else secrets.token_hex()
)

DEBUG = False
ALLOWED_HOSTS = [urlsplit(PILLION.origin).hostname or ""]
ROOT_URLCONF = "pillion.identity.urls"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
FORMAT_MODULE_PATH = "pillion.identity.admin.formats"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.admin.apps.SimpleAdminConfig",  # its site is ours, see `admin.site`
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "pillion.identity",
]

# The order matters: see the reason beside each.
# What comes before this one is for programs, too, which have no session (see `wsgi`).
SESSION_MIDDLEWARE: Final = "django.contrib.sessions.middleware.SessionMiddleware"
MIDDLEWARE = [
    "pillion.identity.middleware.page_headers.page_headers",  # every answer, refusals too, gets them
    "pillion.identity.middleware.refusals.refusals",  # a Refusal raised below becomes a problem or a page
    "pillion.identity.middleware.same_origin.same_origin",  # before anything reads a cookie
    SESSION_MIDDLEWARE,
    "django.contrib.auth.middleware.AuthenticationMiddleware",  # needs the session
    "django.contrib.messages.middleware.MessageMiddleware",  # needs the session; for the admin alone
    "allauth.account.middleware.AccountMiddleware",  # needs the user
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_HERE / "templates"],
        "OPTIONS": {"context_processors": []},
    },
    {
        "NAME": "admin",
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_HERE / "admin" / "templates", Path(django.__file__).parent / "contrib/admin/templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    },
]

# What identity acknowledged survives a power cut, not only kill -9: WAL (see `prepare`) needs FULL for that.
_SQLITE_INIT: Final = "PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000"
_SQLITE: Final[dict[str, Any]] = {
    "ENGINE": "pillion.identity.queued",
    "NAME": ":memory:" if _TOOLING else str(PILLION.database_file),
    # IMMEDIATE: a transaction that reads, then writes, waits for its turn instead of failing half-way.
    "OPTIONS": {"init_command": _SQLITE_INIT, "transaction_mode": "IMMEDIATE", "timeout": 5},
    "CONN_MAX_AGE": None,
}
DATABASES = {"default": _SQLITE if PILLION.database == "sqlite" else postgresql(PILLION.database)}

# What allauth notes of one-time codes that were used, beside our own record (`second_factors.remember_step`), for
# all processes together. Limits are counted elsewhere, see `tries`.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "identity_cache",
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    }
}

# Who is asked, and how a password is kept.
AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = ["pillion.identity.backend.Backend"]
# The first makes hashes; the others check those that were imported.
PASSWORD_HASHERS = [
    "pillion.identity.passwords.Argon2id",
    "pillion.identity.imported_hashers.Bcrypt",
    "pillion.identity.imported_hashers.BcryptSha256",
    "pillion.identity.imported_hashers.Pbkdf2",
    "pillion.identity.imported_hashers.Scrypt",
]
_VALIDATION: Final = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "pillion.identity.passwords.LengthValidator"},
    {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator", "OPTIONS": {"user_attributes": ("email",)}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": "pillion.identity.breached.BreachedPasswordValidator"},
]

# The session: its table is ours, the rest is Django's.
SESSION_ENGINE = "pillion.identity.session_store"
SESSION_COOKIE_NAME = PILLION.cookies.session
SESSION_COOKIE_AGE = int(SESSION_LIFETIME.total_seconds())
SESSION_COOKIE_SECURE = PILLION.secure
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "pillion.identity.urls.csrf_failure"

# The admin. No cookies of its own: the edge lets Pillion's two through, and no others.
STATIC_URL = "/pillion/static/"
CSRF_USE_SESSIONS = True
CSRF_TRUSTED_ORIGINS = [PILLION.origin]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# django-allauth, for signing in by email and password.
ACCOUNT_ADAPTER = "pillion.identity.adapter.Adapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Confirming an address, and not telling who has an account, are flows of ours: see
# docs/decisions/0020-confirmed-addresses.md.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
PASSWORD_RESET_TIMEOUT = 1800  # seconds
ACCOUNT_SESSION_REMEMBER = True
# In seconds: who proved themselves longer ago is asked again before what is dangerous.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS: dict[str, str] = {"login_failed": ""}  # ours (`limits`) can say when to try again
ALLAUTH_TRUSTED_PROXY_COUNT = 1  # the edge
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "/sign-in"

# django-allauth, for second factors. All passkeys are user-verified, so that each is two factors by itself.
MFA_ADAPTER = "pillion.identity.mfa_adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_TOLERANCE = 1  # steps of 30 s to either side, for clocks and slow fingers (RFC 6238, section 5.2)
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
# Then allauth lets any origin be; ours is compared to the letter anyway, see `passkeys.read`.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = passkeys.on_localhost(PILLION)

# One line each, on standard error, which `pillion up` reads.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "pillion.identity.log.OneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "pillion": {"level": "INFO"},
        # Django's own handlers would mail administrators; ours is the root's.
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        # It logs every 4xx, which the Envoys' audit logs have already.
        "django.request": {"level": "ERROR", "propagate": True},
    },
}

# Checks of `manage.py check --deploy` that are answered elsewhere.
SILENCED_SYSTEM_CHECKS = [
    "admin.E402",  # context processors: the admin's templates have them, and are found in its own engine
    "admin.E404",
    "security.W001",  # SecurityMiddleware: its headers are set by middleware/page_headers.py
    "security.W002",  # X-Frame-Options: frame-ancestors 'none' stands in the Content-Security-Policy
    "security.W003",  # CsrfViewMiddleware: docs/decisions/0003-identity-csrf-by-origin.md
    "security.W011",  # SESSION_COOKIE_SECURE: follows the origin; http is for this machine alone
]
