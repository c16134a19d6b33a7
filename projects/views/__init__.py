"""Pages of projects that know nothing of imports."""
