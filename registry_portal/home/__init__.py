"""Pages of the whole site: the overview, the state of the installation, the search."""
