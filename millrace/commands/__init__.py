"""The commands of the toolbox, a module for each topic; cli.py lists them."""
