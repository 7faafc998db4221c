"""Models of named features."""
