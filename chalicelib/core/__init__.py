"""The pure core: decisions and data formats. It uses no I/O, no clock, no environment and no AWS."""
