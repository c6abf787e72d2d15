"""A model of the protocol, and a search through all possible histories of small worlds. See README.md."""
