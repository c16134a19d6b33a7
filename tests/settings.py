"""Settings of the tests: the portal's own, without anything that this machine's owner configured."""

import atexit
import os
import shutil
import tempfile

_FOREIGN = ("REDIS_", "REGISTRY_", "DATABASE_", "IMPORT_", "PORTAL_", "TOKEN_SERVICE_", "DJANGO_SUPERUSER_")
for _name in [name for name in os.environ if name.startswith(_FOREIGN)]:
    del os.environ[_name]

_data_dir = tempfile.mkdtemp(prefix="portal-tests-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
os.environ["PORTAL_DATA_DIR"] = _data_dir
os.environ["PORTAL_DOTENV"] = ""
# The same in every process, so that parallel workers collect tests of the same names.
os.environ["REGISTRY_NOTIFICATION_TOKEN"] = "notification-token-of-the-tests"
if "TEST_DATABASE_URL" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from registry_portal.settings import *  # noqa: E402, F403
from registry_portal.settings import DATA_DIR, DATABASES, LOGGING  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in production: other threads and processes see it, and its locks are real.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}

# Passwords of tests are no secrets, and a slow hash for each user would be most of the suite's time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
# Nothing is collected for tests in this process: files keep their plain names.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
LOGGING["handlers"]["console"]["class"] = "tests.support.current_stderr.CurrentStderr"
