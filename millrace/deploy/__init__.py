"""A stage in an AWS account: its stack, its functions' rights, its deployment, and what may be wrong with it."""
