"""The operator's toolbox: the local stack, and commands that talk to a stage."""
