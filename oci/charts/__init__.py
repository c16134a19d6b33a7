"""Helm repositories over HTTP, read as a registry's repositories are."""
