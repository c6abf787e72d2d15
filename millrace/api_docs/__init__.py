"""The description of the API, generated from the code."""
