"""The operator's toolbox: the local stack, and the commands for a stage."""
