"""Everything that ships to Lambda: the pipeline from an HTTP body to a published report."""
