"""Boosted trees of tables that are larger than memory: read in batches, binned once."""
