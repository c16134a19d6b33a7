"""Redis: where it is."""
