"""The portal's settings, with the addresses of :mod:`scripts.pictures.urls` beside its own."""

from registry_portal.settings import *  # noqa: F403 - that is what it is for

ROOT_URLCONF = "scripts.pictures.urls"
#: Pages show what they have where the operator named a mail server; nothing of the pictures sends any.
MAIL_ENABLED = True
