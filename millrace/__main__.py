"""Makes `python -m millrace` the same as `millrace`."""

from millrace.cli import main

main()
