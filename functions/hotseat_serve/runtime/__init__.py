"""Load, check, cache and run versions of models."""
