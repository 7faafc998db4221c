"""Models trained elsewhere: describe, measure and publish their graphs."""
