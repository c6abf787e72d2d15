"""The contestants: each module has `api(event, context)` and `processor(event, context)`, as Lambda calls them."""
