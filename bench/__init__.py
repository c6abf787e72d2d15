"""Benchmarks of this pipeline and three others against the same stub of AWS. This package does not ship."""
