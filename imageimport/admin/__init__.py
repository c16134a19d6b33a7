"""The admin's view of imports. Registration happens on import, one file a room."""

from imageimport.admin import tasks

__all__ = ["tasks"]
