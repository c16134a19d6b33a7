"""``portal``: the command line of Registry Portal."""

__version__ = "0.1.0"
