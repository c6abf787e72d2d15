"""A model of the protocol, and a search through all that can happen in small worlds. See README.md."""
