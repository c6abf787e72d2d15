"""Benchmarks: this pipeline, three others, the same stub of AWS. None of it ships."""
