"""Pages of projects that know nothing of imports. What stands on tabs with imports is in ``imageimport/views/``."""
