"""Configuration as code: what a file wants (``document``), what that changes (``comparing``), to do it (``doing``)."""
