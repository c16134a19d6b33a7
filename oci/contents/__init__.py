"""What an image says of itself: configuration, history, packages, files. No network."""
