"""What the product does: each flow decides with core/, and acts through ports."""
