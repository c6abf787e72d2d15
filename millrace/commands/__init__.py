"""The commands of the toolbox, with one module for each topic. cli.py lists them."""
