"""Data sets: pinned downloads, and rows in splits."""
