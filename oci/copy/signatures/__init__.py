"""Signatures of an image that is being copied: found at the source and at the target, and handed to a gate."""
