"""Models of tables: named features in, probabilities out."""
