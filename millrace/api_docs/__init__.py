"""Generates the description of the API from the code."""
