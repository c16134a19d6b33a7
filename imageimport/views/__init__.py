"""Pages of imports, and those of a project that show imports among other things."""
