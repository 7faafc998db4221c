"""Measures quality, latency and size of variants; writes no files and no reports."""
