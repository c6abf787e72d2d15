"""Prices a workload: a stub of AWS counts calls and units, and a dated list has the prices."""
