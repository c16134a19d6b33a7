"""A pull of what is not here becomes an import; a pull of a tag that may have moved is asked for at its source."""
