"""What holds for a project's imports and messages where they say nothing themselves."""
