"""The HTTP layer: reads requests and makes answers."""
