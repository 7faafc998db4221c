"""Versions in memory: opened, checked, run."""
