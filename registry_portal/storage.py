"""Static files with content hashes in their names where they have been collected, plain ones in development."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):
    """A file that was not collected keeps its plain name instead of failing the page."""

    manifest_strict = False
