"""The compared implementations. Each module has `api(event, context)` and `processor(event, context)`, as on Lambda."""
