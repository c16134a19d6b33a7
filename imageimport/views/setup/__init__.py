"""The settings of a project: one page of lists, a small form for each change."""
