"""What goes between files, terminals and a stage: sending, export, log formats."""
