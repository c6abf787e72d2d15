"""Everything that ships to Lambda: the pipeline from an HTTP body to a published report."""

import gc

# What a cold start imports and sets up, some 85,000 objects, stays as long as the process. By default Python would
# look for garbage in it 140 times while it grows (gc.get_stats), for a seventh of the CPU that a cold start takes.
gc.set_threshold(200_000)
