"""Scanners that look at images, by Harbor's Pluggable Scanner API; none is ours."""
