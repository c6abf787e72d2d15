"""The adapters: all calls to AWS. Most modules implement one port of the flows."""
