"""What the admin shows of projects; Django looks for it here."""

from projects.admin import projects

__all__ = ["projects"]
