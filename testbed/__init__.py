"""What tests and benchmarks stand on: the portal as processes, services, registries by script, lines, images of noise.

Nothing of the product imports it, and it imports no test.
"""
