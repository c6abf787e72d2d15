"""What a workload costs: calls and units counted by a stub of AWS, priced by a dated list."""
