#!/usr/bin/env python
"""Django's command line for Registry Portal."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_portal.settings")
    if "collectstatic" not in sys.argv[1:2]:  # static files are for everybody, a web server among them
        os.umask(0o077)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
