"""Input and output of commands: files, access logs, and requests to a stage."""
