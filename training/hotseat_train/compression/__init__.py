"""Smaller and faster variants of a graph."""
