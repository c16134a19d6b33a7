"""Inside an image: configuration, comparison, SBOMs, files, scanners."""
