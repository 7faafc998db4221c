"""Gradient descent, and its checkpoints."""
