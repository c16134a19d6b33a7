"""Lists at a registry: tags, repositories, referrers."""
