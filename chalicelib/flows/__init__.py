"""The flows: one module for each thing that the product does. A flow decides with core/ and acts through ports."""
