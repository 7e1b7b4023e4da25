"""Measurements of mixtura beside its peers: ``python -m benchmarks gmm`` (docs/benchmarks.md)."""
