"""Small changes of the product, each of which a test must notice: `make mutants`, see docs/testing.md."""
