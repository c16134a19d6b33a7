"""The admin's view of imports. Registration happens on import, one file a room."""

from imageimport.admin import setup, tasks

__all__ = ["setup", "tasks"]
