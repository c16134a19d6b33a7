"""Which tags a person means: exact names, globs, ranges of versions."""
