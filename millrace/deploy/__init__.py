"""Deploys a stage to an AWS account: its stack, its functions and their rights. Checks what may be wrong with it."""
