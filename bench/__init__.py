"""Benchmarks: ratios against other tools in the same run, never timed tests."""
