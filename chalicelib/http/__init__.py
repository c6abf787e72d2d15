"""Requests and answers: all that knows Chalice, with the static pages."""
