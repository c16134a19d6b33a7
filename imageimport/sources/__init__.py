"""The operators' table of sources: rules made, changed, tried out."""
