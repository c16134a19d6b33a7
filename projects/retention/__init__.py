"""Clean-up: which tags go, the trash, what a project's bytes are, and collecting the registry's garbage."""
