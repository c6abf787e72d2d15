"""The only home of AWS calls; each module speaks for one port of the flows."""
